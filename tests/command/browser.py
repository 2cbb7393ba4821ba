# SPDX-License-Identifier: Apache-2.0
"""browser.py PI0 [SCREENSHOTS] - the pages of pi0 demo in headless Chromium, used as people use them.

The live page: a typed sentence, a click, keys, a dragged block, the other flows, bad sentences, the
server gone and back; then the replay. Nothing may stand in the browser's console as an error."""
import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PI0 = sys.argv[1]
PICTURES = sys.argv[2] if len(sys.argv) > 2 else None
PATIENCE = 120  # seconds: sanitizers and busy machines are slow
NAMES = ["red", "green", "blue"]


def start_server(port):
    server = subprocess.Popen([PI0, "demo", "--serve", str(port), "--seed", "3"], text=True,
                              stdout=subprocess.PIPE)
    line = server.stdout.readline()
    match = re.match(r"http://127\.0\.0\.1:(\d+)$", line.strip())
    assert match, f"no address in {line!r}"
    return server, int(match.group(1))


def start_browser(profile):
    options = Options()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for argument in ("--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                     "--disable-dev-shm-usage", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")),
                            options=options)


class Page:
    def __init__(self, browser):
        self.browser = browser

    def at(self, name):
        return self.browser.find_element(By.ID, name)

    def text(self, name):
        return self.at(name).text

    def state(self):
        found = self.at("table").get_attribute("data-state")
        return json.loads(found) if found else None

    def wait(self, what, until, seconds=PATIENCE):
        end = time.time() + seconds
        while time.time() < end:
            found = until()
            if found:
                print("ok", what, flush=True)
                return found
            time.sleep(0.05)
        self.picture("failed")
        raise AssertionError(f"waited {seconds} s in vain: {what}; state {self.state()}, "
                             f"notice {self.text('notice')!r}")

    def size(self, width, height):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 2 if width < 600 else 1,
            "mobile": width < 600})

    def picture(self, name):
        if not PICTURES:
            return
        script = "return [innerWidth, document.documentElement.scrollHeight]"
        width, height = self.browser.execute_script(script)
        shot = self.browser.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
        with open(os.path.join(PICTURES, name + ".png"), "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def fits(self, width):
        self.size(width, 844)
        time.sleep(0.3)
        wide = self.browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} pixels wide on a screen of {width}"

    def drag(self, begin, end):
        """With the mouse, from one place of the table to another (parts of its width)."""
        table = self.at("table")
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", table)
        width, height = table.size["width"], table.size["height"]
        at = lambda p: (round(p[0] * width - width / 2), round(p[1] * width - height / 2))
        middle = ((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2)
        ActionChains(self.browser, duration=100).move_to_element_with_offset(
            table, *at(begin)).click_and_hold().move_to_element_with_offset(
            table, *at(middle)).move_to_element_with_offset(table, *at(end)).release().perform()

    def no_errors(self):
        bad = [entry for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]
        assert not bad, f"the browser's console: {bad}"
        print("ok no errors in the console", flush=True)


def near(a, b, room=0.02):
    return abs(a[0] - b[0]) < room and abs(a[1] - b[1]) < room


def block(state, colour):
    return state["blocks"][state["colours"].index(NAMES.index(colour))]


def free_place(state):
    """A place far from all that lies on the table."""
    things = state["blocks"] + [state["bowl"], [state["x"], state["y"]]]
    places = [(x / 20, y / 20) for x in range(3, 18) for y in range(3, 15)]
    return max(places, key=lambda p: min((p[0] - t[0]) ** 2 + (p[1] - t[1]) ** 2 for t in things))


def type_sentence(page, text):
    # not clear(), which leaves the field: the page would fill it again
    page.at("say").send_keys(Keys.CONTROL + "a" + Keys.NULL + text, Keys.ENTER)


def in_bowl(page, colour):
    def until():
        s = page.state()
        return s and s["done"] and s["prompt"] == f"put the {colour} block in the bowl"
    return until


def sentences(page):
    page.wait("the first sentence is done", in_bowl(page, "red"))
    assert page.text("badge") == "in the bowl"
    type_sentence(page, "put the green block in the bowl")
    page.wait("the typed sentence is done", in_bowl(page, "green"))
    page.picture("live-done")

    # a sentence that nobody taught it, and none
    type_sentence(page, "make some tea")
    page.wait("words for an unknown sentence", lambda: "taught" in page.text("notice"))
    page.picture("live-notice")
    type_sentence(page, "   ")
    page.wait("words for an empty sentence", lambda: "Say something" in page.text("notice"))


def dragging(page):
    # a block that it does not work at
    page.browser.find_element(By.CSS_SELECTOR, "#choices button:nth-child(2)").click()
    page.wait("the button's sentence", lambda: page.state()["prompt"].startswith("put the green"))
    to = free_place(page.state())
    page.drag(block(page.state(), "blue"), to)
    page.wait("the blue block lies where it was dragged",
              lambda: near(block(page.state(), "blue"), to))

    # a block that it works at: out of the bowl, and again while it comes
    page.wait("green is in the bowl", in_bowl(page, "green"))
    to = free_place(page.state())
    page.drag(block(page.state(), "green"), to)
    page.wait("the green block is out of the bowl", lambda: not page.state()["done"])
    to = free_place(page.state())
    page.drag(block(page.state(), "green"), to)
    page.wait("it is brought back", in_bowl(page, "green"))


def keyboard(page):
    table = page.at("table")
    page.browser.execute_script("arguments[0].focus()", table)
    table.send_keys("b")
    before = block(page.state(), "blue")
    table.send_keys(Keys.ARROW_UP)
    page.wait("arrow keys move a block", lambda: block(page.state(), "blue")[1] < before[1] - 0.01)
    table.send_keys(" ")
    page.wait("paused", lambda: not page.state()["running"] and page.text("badge") == "paused")
    table.send_keys(" ")
    page.wait("goes on", lambda: page.state()["running"])
    scene = page.state()["scene"]
    table.send_keys("n", "3")
    page.wait("a new scene", lambda: page.state()["scene"] == scene + 1)
    page.wait("the third sentence", lambda: page.state()["prompt"].startswith("put the blue"))


def flows(page):
    page.wait("both plans are compared", lambda: "pixels apart" in page.text("apart"))
    page.picture("live-both")
    page.at("f32").click()
    page.wait("accelerated f32", lambda: page.text("mine") == "accelerated f32")
    page.at("reference").click()
    page.wait("reference", lambda: page.text("mine") == "reference f32")
    page.wait("beside it accelerated bf16", lambda: page.text("other") == "accelerated bf16")
    assert not page.at("bf16").is_enabled()
    page.at("accelerated").click()
    page.wait("accelerated bf16", lambda: page.text("mine") == "accelerated bf16")
    page.at("overlay").click()
    page.wait("no overlay", lambda: not page.state()["overlay"] and page.text("other-ms") == "–")


def live(page, server, port):
    page.size(1280, 960)
    page.browser.get(f"http://127.0.0.1:{port}/")
    page.wait("the page has a table", page.state)
    sentences(page)
    dragging(page)
    keyboard(page)
    flows(page)
    page.fits(390)
    page.picture("live-390")
    page.size(1280, 960)
    page.no_errors()

    # gone and back
    server.send_signal(signal.SIGINT)
    assert server.wait(PATIENCE) == 0, f"pi0 demo --serve ended with {server.returncode}"
    page.wait("words for a server that is gone", lambda: "server is gone" in page.text("notice"))
    page.picture("live-gone")
    server, _ = start_server(port)
    try:
        page.wait("connected again", lambda: not page.at("notice").is_displayed())
        page.wait("and at work", lambda: page.state()["step"] > 0 and page.state()["scene"] == 0)
        page.browser.get("about:blank")
    finally:
        server.terminate()
        server.wait()
    page.browser.get_log("browser")  # of the time without a server


def replay(page, folder):
    path = os.path.join(folder, "replay.html")
    subprocess.run([PI0, "demo", "--episodes", "6", "--seed", "3", "--out", path], check=True,
                   stdout=subprocess.DEVNULL)
    page.size(1280, 960)
    page.browser.get("file://" + path)
    page.wait("the replay plays", lambda: re.match(r"[3-9] ", page.text("step")))
    body = page.browser.find_element(By.TAG_NAME, "body")
    body.send_keys(" ")
    first = page.text("step")
    time.sleep(0.5)
    assert page.text("step") == first, "a pause that goes on"
    body.send_keys(Keys.ARROW_DOWN)
    page.wait("the second episode", lambda: "green" in page.text("sentence"))
    body.send_keys(Keys.END)
    page.wait("its end", lambda: page.text("badge") in ("in the bowl", "not done"))
    page.picture("replay")
    page.fits(390)
    page.picture("replay-390")
    assert "http://" not in open(path).read() and "https://" not in open(path).read()
    page.no_errors()


def main():
    server, port = start_server(0)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = None
        try:
            browser = start_browser(os.path.join(folder, "profile"))
            live(Page(browser), server, port)
            replay(Page(browser), folder)
        finally:
            if browser:
                browser.quit()
            if server.poll() is None:
                server.kill()
                server.wait()


main()

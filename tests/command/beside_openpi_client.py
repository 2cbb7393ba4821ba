# SPDX-License-Identifier: Apache-2.0
"""beside_openpi_client.py PI0 GOLDEN WORK ECHO [OLD] - PyPI's openpi-client beside pi0 serve.

PI0 is the command, GOLDEN the folder of golden cases, WORK one for files, ECHO the program wire_echo,
OLD a folder with an openpi-client whose constructor waits for a server (0.1.1). Ends with status 1 and
a list if something was wrong."""
import atexit
import http.client
import os
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time

import numpy as np
from openpi_client import action_chunk_broker
from openpi_client import msgpack_numpy
from openpi_client import websocket_client_policy as new_client
import websockets.exceptions

PI0, GOLDEN, WORK, ECHO = sys.argv[1:5]
TOKENIZER = os.path.join(GOLDEN, "tokenizer.model")
CASES = ["pi05_aloha", "pi0_aloha_sim", "pi05_droid", "pi0_droid", "pi05_libero", "pi0_libero"]
RESET_POSE = {"pi05_aloha": {"reset_pose": [0, -1.5, 1.5, 0, 0, 0]}}
wrong = []


def check(name, good, found=""):
    print(("ok " if good else "FAILED ") + name + ("" if good else f": {found}"), flush=True)
    if not good:
        wrong.append(name)


class Server:
    """pi0 serve, until it says where."""

    def __init__(self, case, *options, port=0):
        self.log = open(os.path.join(WORK, "serve.log"), "a+")
        start = self.log.tell()
        self.process = subprocess.Popen(
            [PI0, "serve", "--model", os.path.join(GOLDEN, case), "--config", case, "--tokenizer", TOKENIZER,
             "--port", str(port), *options], stderr=self.log)
        atexit.register(self.process.kill)
        while True:
            with open(self.log.name) as text:
                text.seek(start)
                found = re.search(r"serving ws://127\.0\.0\.1:(\d+)", text.read())
            if found:
                break
            if self.process.poll() is not None:
                sys.exit(f"pi0 serve did not start: {self.process.returncode}")
            time.sleep(0.02)
        self.port = int(found.group(1))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.log.close()
        return status

    def connect(self, key=None, client=new_client):
        return client.WebsocketClientPolicy(host="127.0.0.1", port=self.port, api_key=key)


def observation(case):
    with open(os.path.join(GOLDEN, case, "observation.msgpack"), "rb") as f:
        return dict(msgpack_numpy.unpackb(f.read()))


def infer(case, *options):
    """The same by `pi0 infer`."""
    out = os.path.join(WORK, "infer.npy")
    subprocess.run(
        [PI0, "infer", "--model", os.path.join(GOLDEN, case), "--config", case, "--tokenizer", TOKENIZER,
         "--observation", os.path.join(GOLDEN, case, "observation.msgpack"), "--out", out, *options],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return np.load(out)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# ---- golden cases ------------------------------------------------------------------------------
def golden(case):
    obs, server = observation(case), Server(case)
    policy = server.connect()
    check(f"{case}: metadata", policy.get_server_metadata() == RESET_POSE.get(case, {}), policy.get_server_metadata())

    # the first chunk of a connection starts where the first of pi0 infer does
    first = policy.infer(obs)
    expected = infer(case)
    check(f"{case}: actions as pi0 infer's", same(first["actions"], expected), first["actions"])
    check(f"{case}: keys", set(first) == {"actions", "policy_timing", "server_timing"}, set(first))
    check(f"{case}: times", first["policy_timing"]["infer_ms"] > 0 and "prev_total_ms" not in first["server_timing"])
    second = policy.infer(obs)
    check(f"{case}: the next chunk is another one", not np.array_equal(first["actions"], second["actions"]))
    check(f"{case}: prev_total_ms", second["server_timing"]["prev_total_ms"] > 0, second["server_timing"])

    # noise, seed and steps of the request's own
    noise = np.random.default_rng(5).standard_normal((len(expected), 32)).astype(np.float32)
    np.save(os.path.join(WORK, "noise.npy"), noise)
    check(f"{case}: noise", same(policy.infer({**obs, "noise": noise})["actions"],
                                 infer(case, "--noise", os.path.join(WORK, "noise.npy"))))
    check(f"{case}: seed and steps", same(policy.infer({**obs, "seed": 7, "num_steps": 3})["actions"],
                                          infer(case, "--seed", "7", "--steps", "3")))
    broker(case, server, obs, expected)
    check(f"{case}: the server stops", server.stop() == 0)


def broker(case, server, obs, expected):
    """Rows one by one, then a new chunk."""
    rows = 4
    b = action_chunk_broker.ActionChunkBroker(server.connect(), action_horizon=rows)
    taken = [b.infer(obs) for _ in range(rows + 1)]
    for k in range(rows):
        check(f"{case}: row {k}", same(np.asarray(taken[k]["actions"]), expected[k]), taken[k]["actions"])
    check(f"{case}: then a new chunk", not np.array_equal(taken[rows]["actions"], expected[0]))
    b.reset()


# ---- keys, errors, restart ---------------------------------------------------------------------
def refused(server, key):
    try:
        server.connect(key)
    except websockets.exceptions.InvalidStatus as e:
        return e.response.status_code
    return None


def get(server, path, key=None):
    c = http.client.HTTPConnection("127.0.0.1", server.port)
    c.request("GET", path, headers={"Authorization": f"Api-Key {key}"} if key else {})
    r = c.getresponse()
    return r.status, r.read()


def keys():
    path = os.path.join(WORK, "key")
    with open(path, "w") as f:
        f.write("open-sesame\n")
    os.chmod(path, 0o600)
    server = Server("pi05_droid", "--api-key-file", path)
    check("a wrong key", refused(server, "open-sesamf") == 401)
    check("a longer key", refused(server, "open-sesame1") == 401)
    check("no key", refused(server, None) == 401)
    check("the right key", server.connect("open-sesame").infer(observation("pi05_droid"))["actions"].shape == (15, 8))
    check("/metrics without the key", get(server, "/metrics")[0] == 401)
    check("/metrics with the key", b"pi0_" in get(server, "/metrics", "open-sesame")[1])
    check("/healthz", get(server, "/healthz") == (200, b"OK\n"))
    server.stop()


def errors():
    server = Server("pi05_droid")
    obs, bystander, policy = observation("pi05_droid"), server.connect(), server.connect()
    bystander.infer(obs)
    less = {k: v for k, v in obs.items() if k != "observation/joint_position"}
    try:
        policy.infer(less)
        check("a state that is missing", False, "no error")
    except RuntimeError as e:
        check("a state that is missing", "observation/joint_position" in str(e), e)
        check("nothing of the server's insides", "Traceback" not in str(e) and ".c:" not in str(e), e)
    check("others go on", bystander.infer(obs)["actions"].shape == (15, 8))
    server.stop()


def restart(old):
    """An openpi-client that waits for a server; one that is there when the server goes."""
    obs, server = observation("pi05_droid"), Server("pi05_droid")
    port, policy = server.port, server.connect()
    before = policy.infer(obs)["actions"]
    server.stop()
    try:
        policy.infer(obs)
        check("the server is gone", False, "a reply")
    except websockets.exceptions.ConnectionClosed as e:
        check("the server is gone: 1001", e.rcvd is not None and e.rcvd.code == 1001, e)
    answer = []

    def wait():
        answer.append(old.WebsocketClientPolicy(host="127.0.0.1", port=port).infer(obs)["actions"])

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    time.sleep(1)
    check("the client waits", thread.is_alive() and not answer)
    server = Server("pi05_droid", port=port)
    thread.join(30)
    check("the client comes back by itself", len(answer) == 1 and same(answer[0], before), answer)
    server.stop()


# ---- msgpack with numpy's arrays, there and back ------------------------------------------------
DTYPES = ["|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<U1", "<U4", "<U33"]
REFUSED = ["|S3", "<M8[s]", "<m8[ms]", ">f4", ">i2"]


def echo(process, document):
    process.stdin.write(struct.pack("<I", len(document)) + document)
    process.stdin.flush()
    size = struct.unpack("<I", process.stdout.read(4))[0]
    return process.stdout.read(size)


def make_array(rng, dtype, shape):
    dt, count = np.dtype(dtype), int(np.prod(shape, dtype=np.int64))
    if dt.kind == "U":
        texts = ["".join(rng.choice("aé漢😀 ") for _ in range(rng.randint(0, dt.itemsize // 4))) for _ in range(count)]
        a = np.array(texts, dtype=dt).reshape(shape) if count else np.empty(shape, dt)
    elif dt.kind == "b":
        a = np.array([rng.random() < 0.5 for _ in range(count)], dtype=dt).reshape(shape)
    else:
        # any bits: NaN, infinity and denormals too
        a = np.frombuffer(rng.randbytes(count * dt.itemsize), dtype=dt).reshape(shape)
    kind = rng.randrange(4)
    if kind == 1:
        a = np.asfortranarray(a)
    elif kind == 2 and a.ndim:
        a = a[::-1]
    elif kind == 3:
        a = a.T
    return a


def make_value(rng, depth):
    kind = rng.randrange(11 if depth else 9)
    if kind < 4:
        shape = tuple(rng.choice([0, 1, 2, 3, 5, 17]) for _ in range(rng.randrange(5)))
        return make_array(rng, rng.choice(DTYPES), shape)
    if kind == 4:
        return np.dtype(rng.choice([d for d in DTYPES if d[1] not in "U"])).type(rng.randrange(100))
    if kind == 5:
        return rng.choice([0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, -(2**31), 2**31, 2**63, -(2**63)])
    if kind == 6:
        return rng.choice([0.0, -0.0, 0.1, 1e300, float("inf"), float("nan")])
    if kind == 7:
        return rng.choice([None, True, False, "", "prompt", "é" * 40, "x" * 300, b"", b"\x00\xff" * 200])
    if kind == 8:
        return np.float64(rng.random())
    if kind == 9:
        return [make_value(rng, depth - 1) for _ in range(rng.randrange(20))]
    return {f"key{i}" if rng.random() < 0.9 else b"bytes%d" % i: make_value(rng, depth - 1)
            for i in range(rng.randrange(20))}


def equal(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    # (np.float64 is packed as Python's own float)
    same_type = type(a) is type(b) or isinstance(a, np.float64)
    return same_type and (a == b or (a != a and b != b))


def round_trips(count=3000):
    rng = random.Random(20)
    process = subprocess.Popen([ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    bad = 0
    for dtype in DTYPES:
        for shape in [(), (0,), (1,), (3,), (2, 0, 3), (1, 2), (2, 3, 4), (1, 1, 1, 1), (2, 1, 2, 1, 2, 1, 2, 1)]:
            bad += not trip(process, {"a": make_array(rng, dtype, shape)})
    for _ in range(count):
        bad += not trip(process, {"v": make_value(rng, 3)})
    check(f"{len(DTYPES) * 9 + count} documents there and back, byte for byte", bad == 0, bad)
    for dtype in REFUSED:
        back = echo(process, msgpack_numpy.packb({"a": np.zeros(2, dtype)}))
        check(f"type {dtype}: refused with its name", back[:1] == b"!" and dtype.encode() in back, back)
    process.stdin.close()
    check("the program ends", process.wait(10) == 0)


def trip(process, value):
    packed = msgpack_numpy.packb(value)
    back = echo(process, packed)
    return back == packed and equal(value, msgpack_numpy.unpackb(back))


def main():
    round_trips()
    for case in CASES:
        golden(case)
    keys()
    errors()
    # a second version of the package under another name
    sys.path.insert(0, sys.argv[5])
    for name in [n for n in sys.modules if n.startswith("openpi_client")]:
        del sys.modules[name]
    from openpi_client import websocket_client_policy as old_client
    check("another version", old_client.__file__.startswith(sys.argv[5]), old_client.__file__)
    restart(old_client)
    print(f"{len(wrong)} wrong")
    sys.exit(bool(wrong))


main()

# SPDX-License-Identifier: Apache-2.0
"""complete.py SHELL PI0 COMPLETIONS - what a user sees who types in a terminal and presses the
tabulator key. SHELL is bash or zsh, COMPLETIONS the folder with pi0.bash and _pi0. Prints "ok NAME"
or "FAILED NAME" for each; exits 1 if one failed. Runs in a folder of its own."""
import os
import pty
import re
import select
import sys
import tempfile
import time

PROMPT = "ready> "
SECONDS = 60  # a machine may be busy: waiting ends when what is expected has come

# name, what is typed before the tabulator, what appears, what must not
CASES = [
    ("commands", "pi0 ", ["infer", "inspect", "configs", "doctor", "bench", "serve", "client",
                          "demo", "convert", "synth", "verify"], []),
    ("one command", "pi0 doc", ["pi0 doctor "], []),
    ("help of a command", "pi0 help insp", ["pi0 help inspect "], []),
    ("options", "pi0 infer --", ["--observation", "--image", "--model", "--cpu-mask"], []),
    ("one option", "pi0 infer --obs", ["pi0 infer --observation"], []),
    ("an option of another command", "pi0 bench --g", ["pi0 bench --gemm "], []),
    ("folders for --model", "pi0 infer --model ", ["checkpoint", "other"], ["note.txt"]),
    ("one folder for --model", "pi0 serve --model chec", ["--model checkpoint/"], []),
    ("a folder behind =", "pi0 serve --model=chec", ["--model=checkpoint/"], []),
    ("a folder with a blank", "pi0 serve --model oth", ["--model other\\ one/"], []),
    ("a folder that is no option", "pi0 doctor chec", ["doctor checkpoint/"], []),
    ("configurations", "pi0 doctor --config pi05_d", ["pi05_droid"], []),
    ("a description of a robot", "pi0 doctor --config rob", ["--config robot.json"], []),
    ("choices", "pi0 infer --backend ", ["auto", "cpu", "reference"], ["checkpoint"]),
    ("one choice", "pi0 infer --backend ref", ["--backend reference"], []),
    ("one choice behind =", "pi0 infer --backend=ref", ["--backend=reference"], []),
    ("a file of the kind that it is", "pi0 infer --noise n", ["--noise noise.npy"], []),
    ("a camera's picture", "pi0 infer --image top=pic", ["top=picture.png"], []),
]


class Terminal:
    """A shell behind a pseudo terminal."""

    def __init__(self, argv, env):
        self.process, self.file = pty.fork()
        if not self.process:
            os.execvpe(argv[0], argv, env)
        self.seen = ""

    def type(self, text):
        os.write(self.file, text.encode())

    def wait(self, wanted, seconds=SECONDS):
        """Read until all of `wanted` are there; returns whether they are."""
        end = time.monotonic() + seconds
        while not all(word in self.seen for word in wanted):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.file], [], [], left)[0]:
                return False
            try:
                text = os.read(self.file, 65536)
            except OSError:
                return False
            # without colours, moves of the cursor, bells
            self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|[\a\r]", "", text.decode())
        return True

    def forget(self):
        self.seen = ""


def start(shell, pi0, completions, home):
    env = {"PATH": os.path.dirname(pi0) + ":" + os.environ["PATH"], "HOME": home, "TERM": "xterm",
           "LC_ALL": "C.UTF-8", "COLUMNS": "200", "LINES": "60", "PS1": PROMPT}
    if shell == "bash":
        terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], env)
        lines = [f"source '{completions}/pi0.bash'", "bind 'set completion-query-items -1'",
                 "bind 'set page-completions off'", "bind 'set show-all-if-ambiguous on'",
                 "bind 'set bell-style none'", "bind 'set enable-bracketed-paste off'"]
    else:
        terminal = Terminal(["zsh", "-f", "-i"], env)
        lines = ["unsetopt zle_bracketed_paste prompt_sp 2>/dev/null; unset zle_bracketed_paste",
                 f"fpath=('{completions}' $fpath); autoload -Uz compinit; compinit -u -D",
                 "LISTMAX=1000; unsetopt beep; setopt auto_list no_list_ambiguous"]
    # the echo of the line has the word in two parts
    terminal.type("; ".join(lines) + f"; cd '{home}'; PS1='{PROMPT}'; echo be''gin\n")
    if not terminal.wait(["begin\n" + PROMPT]):
        sys.exit(f"FAILED {shell} does not start: {terminal.seen!r}")
    return terminal


def main():
    shell, pi0, completions = sys.argv[1:]
    failed = 0
    with tempfile.TemporaryDirectory() as home:
        for folder in ("checkpoint", "other one"):
            os.mkdir(f"{home}/{folder}")
        for name in ("note.txt", "noise.npy", "notes.md", "robot.json", "picture.png"):
            open(f"{home}/{name}", "w", encoding="utf-8").close()
        terminal = start(shell, pi0, completions, home)
        for name, typed, wanted, unwanted in CASES:
            terminal.forget()
            terminal.type(typed + "\t")
            good = terminal.wait(wanted) and not any(word in terminal.seen for word in unwanted)
            failed += not good
            print(("ok" if good else "FAILED"), shell, name)
            if not good:
                print(f"    typed {typed!r}, expected {wanted}, not {unwanted}, "
                      f"seen:\n{terminal.seen}")
            # the line away, a new prompt
            terminal.forget()
            terminal.type("\x15echo en''d\n")
            if not terminal.wait(["end\n" + PROMPT]):
                sys.exit(f"FAILED {shell} has no new prompt: {terminal.seen!r}")
        terminal.type("exit\n")
        os.waitpid(terminal.process, 0)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

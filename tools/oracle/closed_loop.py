# SPDX-License-Identifier: Apache-2.0
"""The episodes of `pi0 demo --dump-scenes FILE` through LeRobot's own policy: the same scenes,
sentences, noises of every plan and kicks of every command. Prints how many succeed, and how far the
first plans are from those in the files: one file for each flow and precision of pi0.

Each observation goes alone through LeRobot's processors and PI0Policy, f32, as on a robot. The
table is the one in Python; the first pictures of the two are compared too.
"""

import argparse
import math
import pathlib
from dataclasses import dataclass

import numpy as np
import torch
from safetensors import safe_open

from oracle.capture import versions_line
from oracle.policy import Loaded, load
from train_demo.tabletop import COLOURS, Scene

CAMERA = "observation.images.top"
SAME = ("colours", "blocks", "bowl", "hand", "goal", "kicks", "noise", "image", "state")


@dataclass
class Episodes:
    """What a file of --dump-scenes holds."""

    path: pathlib.Path
    task: str
    prompts: list[str]
    tensors: dict[str, np.ndarray]

    @classmethod
    def read(cls, path: pathlib.Path) -> "Episodes":
        if not path.is_file():
            raise SystemExit(f"{path} is not there; pi0 demo --dump-scenes {path} writes it")
        with safe_open(path, framework="np") as file:
            told = file.metadata()
            tensors = {name: file.get_tensor(name) for name in list(file.keys())}
        return cls(path, told["task"], told["prompts"].splitlines(), tensors)

    def scene(self, k: int) -> Scene:
        """The start of one."""
        t = self.tensors
        return Scene(
            task=self.task,
            colours=[list(COLOURS)[c] for c in t["colours"][k]],
            blocks=list(t["blocks"][k].copy()),
            bowl=t["bowl"][k],
            hand=t["hand"][k],
        )


def plan(loaded: Loaded, scene: Scene, prompt: str, noise: np.ndarray) -> np.ndarray:
    """Commands, [horizon][3]."""
    batch = loaded.batch({CAMERA: scene.render()}, scene.state().astype(np.float32), prompt)
    chunk = loaded.policy.predict_action_chunk(batch, noise=torch.from_numpy(noise)[None])
    return loaded.postprocess(chunk)[0].double().numpy()


def run(loaded: Loaded, episodes: Episodes, k: int) -> tuple[bool, np.ndarray, int]:
    """One episode: success, first plan, values of the first picture that are not the file's."""
    t, scene = episodes.tensors, episodes.scene(k)
    steps, plans = t["kicks"].shape[1], t["noise"].shape[1]
    execute = -(-steps // plans)
    pixels = int((scene.render() != t["image"][k]).sum())
    first = None
    for n in range(plans):
        commands = plan(loaded, scene, episodes.prompts[k], t["noise"][k, n])
        first = commands if first is None else first
        for step in range(n * execute, min((n + 1) * execute, steps)):
            command = commands[step - n * execute].copy()
            command[:2] += t["kicks"][k, step]
            scene.step(command)
    return scene.done(int(t["goal"][k])), first, pixels


def interval(k: int, n: int) -> tuple[float, float]:
    """Wilson's, 95 %."""
    z = 1.959964
    middle = (k + z * z / 2) / (n + z * z)
    half = z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return middle - half, middle + half


def rate(success: np.ndarray) -> str:
    """Of a row of the table."""
    k, n = int(success.sum()), len(success)
    low, high = interval(k, n)
    return f"{k:4d} of {n:3d}  {100 * low:5.1f} to {100 * high:5.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="oracle.closed_loop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", type=pathlib.Path, help="the policy's folder, the same as pi0 had")
    add("dumps", type=pathlib.Path, nargs="+", metavar="FILE.safetensors", help="of pi0 demo")
    add("--episodes", type=int, help="only the first ones (default: all)")
    add("--threads", type=int, default=0, help="of PyTorch (default: its own choice)")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)

    files = [Episodes.read(path) for path in args.dumps]
    for other in files[1:]:
        for name in SAME:
            if not np.array_equal(files[0].tensors[name], other.tensors[name]):
                raise SystemExit(f"{other.path} has other episodes than {files[0].path}: {name}")
    n = len(files[0].prompts)
    n = min(n, args.episodes or n)

    loaded = load(args.model)
    print(f"{versions_line()}, {torch.get_num_threads()} threads; {args.model}, {n} episodes")
    success, plans, pixels = [], [], 0
    for k in range(n):
        done, first, wrong = run(loaded, files[0], k)
        success.append(done)
        plans.append(first)
        pixels += wrong
        if (k + 1) % 25 == 0 or k + 1 == n:
            print(f"  {k + 1} episodes, {sum(success)} succeeded", flush=True)
    report(files, np.array(success), np.stack(plans))
    print(f"values of first pictures that differ between the two tables: {pixels}")


def report(files: list[Episodes], success: np.ndarray, plans: np.ndarray) -> None:
    """The table. Of the first plans: the largest difference of x and y in each episode, and of the
    gripper in all."""
    n = len(success)
    print(f"{'':<24} {'success':>11}  {'95 % interval':<17} {'other':>5}  first plan: x, y off by")
    print(f"{'':<24} {'':>11}  {'':<17} {'ends':>5}  {'median':>8} {'99 %':>8} {'worst':>8}  grip")
    print(f"{'LeRobot, PyTorch f32':<24} {rate(success)}")
    for file in files:
        own = file.tensors["success"][:n].astype(bool)
        off = np.abs(file.tensors["plan"][:n] - plans).max(1)  # [n][3]
        xy = off[:, :2].max(1)
        numbers = " ".join(f"{v:8.1e}" for v in (np.median(xy), np.quantile(xy, 0.99), xy.max()))
        other = int((own != success).sum())
        print(f"{file.path.stem:<24} {rate(own)} {other:5d}  {numbers}  {off[:, 2].max():.1e}")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Writes the scenes that the table in C is held against, six of each task: expected.safetensors and
pictures, as in tests/golden/table.

    TASKk.colours [3] (0 red, 1 green, 2 blue), .blocks [3][2], .bowl [2], .hand [2]  the start
    TASKk.asked [1]           the block
    TASKk.commands [64][3]    the expert's, with noise
    TASKk.states [65][10]     x, y, gripper, three blocks, the block held or -1
    TASKk.done [1]            at the end
    TASKk_frameN.png          before step N"""

import argparse
import pathlib

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from train_demo.tabletop import COLOURS, TASKS, Scene

SEED, SCENES, STEPS = 77, 6, 64
FRAMES = (0, 8, 24, 63)


def whole_state(scene: Scene) -> np.ndarray:
    """[10]"""
    held = -1.0 if scene.held is None else float(scene.held)
    return np.concatenate([scene.state(), *scene.blocks, [held]])


def record(task: str, k: int, folder: pathlib.Path) -> dict[str, np.ndarray]:
    """One scene; its pictures go to the folder."""
    rng = np.random.default_rng([SEED, k])
    scene, asked = Scene.random(rng, task), k % 3
    out = {
        "colours": np.array([list(COLOURS).index(c) for c in scene.colours]),
        "blocks": np.stack(scene.blocks),
        "bowl": scene.bowl,
        "hand": scene.hand,
        "asked": np.array([asked]),
    }
    commands, states = [], [whole_state(scene)]
    for step in range(STEPS):
        if step in FRAMES:
            file = folder / f"{task}{k}_frame{step}.png"
            Image.fromarray(scene.render()).save(file, optimize=True)
        command = scene.expert(asked)
        command[:2] += rng.normal(0, 0.01, 2)
        scene.step(command)
        commands.append(command)
        states.append(whole_state(scene))
    out |= {"commands": np.stack(commands), "states": np.stack(states)}
    out["done"] = np.array([scene.done(asked)])
    return {f"{task}{k}.{name}": np.ascontiguousarray(value) for name, value in out.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="train_demo.golden_scenes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=pathlib.Path, metavar="FOLDER")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    out: dict[str, np.ndarray] = {}
    for task in TASKS:
        for k in range(SCENES):
            out |= record(task, k, args.out)
    save_file(out, args.out / "expected.safetensors")
    done = sum(bool(value[0]) for name, value in out.items() if name.endswith(".done"))
    print(f"{args.out}: {2 * SCENES} scenes, {done} done at the end")


if __name__ == "__main__":
    main()

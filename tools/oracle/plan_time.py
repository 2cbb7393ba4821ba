# SPDX-License-Identifier: Apache-2.0
"""What one plan takes: LeRobot's policy in PyTorch and pi0 on the same machine, the same model and
scenes, in turns. Of a plan counts what a robot waits for: processors, network, processors; not the
picture, which is the simulator's. pi0's numbers are those of `pi0 demo --json`.
"""

import argparse
import json
import pathlib
import subprocess
import time

import numpy as np
import torch

from oracle.capture import versions_line
from oracle.closed_loop import CAMERA
from oracle.policy import Loaded, load
from train_demo.tabletop import Scene


def torch_plans(loaded: Loaded, task: str, seed: int, plans: int) -> list[float]:
    """Milliseconds of each."""
    rng = np.random.default_rng(seed)
    times = []
    for _ in range(plans):
        scene = Scene.random(rng, task)
        picture, state, prompt = scene.render(), scene.state().astype(np.float32), scene.prompt(0)
        start = time.perf_counter()
        chunk = loaded.policy.predict_action_chunk(loaded.batch({CAMERA: picture}, state, prompt))
        loaded.postprocess(chunk)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def pi0_plans(command: list[str], episodes: int, seed: int) -> dict:
    """The report of one run."""
    command = [*command, "--json", "--episodes", str(episodes), "--seed", str(seed)]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="oracle.plan_time",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", type=pathlib.Path, help="the policy's folder")
    add("--task", default="place", choices=("reach", "place"), help="(default %(default)s)")
    add("--pi0", default="build/release/pi0", help="the command (default %(default)s)")
    add("--rounds", type=int, default=5, help="(default %(default)s)")
    add("--plans", type=int, default=40, help="of each in a round (default %(default)s)")
    add("--threads", type=int, default=2, help="of both (default %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    demo = [args.pi0, "demo", "--task", args.task, "--model", str(args.model)]
    demo += ["--threads", str(args.threads)]
    flows = {
        "pi0, cpu, bf16": [*demo, "--backend", "cpu", "--precision", "bf16"],
        "pi0, cpu, f32": [*demo, "--backend", "cpu", "--precision", "f32"],
    }

    loaded = load(args.model)
    torch_plans(loaded, args.task, 0, 5)
    times: dict[str, list] = {"LeRobot, PyTorch f32": [], **{name: [] for name in flows}}
    for r in range(args.rounds):
        of_torch = torch_plans(loaded, args.task, r, args.plans)
        times["LeRobot, PyTorch f32"].append([np.median(of_torch), np.quantile(of_torch, 0.99)])
        for name, command in flows.items():
            told = pi0_plans(command, max(1, args.plans // 6), r)
            times[name].append([told["infer_ms_p50"], told["infer_ms_p99"]])
    print(f"{versions_line()}; {args.threads} threads, {args.rounds} rounds; ms a plan")
    print(f"{'':<24} {'median':>8} {'rounds from':>12} {'to':>8} {'99 %':>8}")
    for name, rows in times.items():
        middle, tail = np.array(rows).T
        print(
            f"{name:<24} {np.median(middle):8.2f} {middle.min():12.2f} {middle.max():8.2f}"
            f" {np.median(tail):8.2f}"
        )


if __name__ == "__main__":
    main()

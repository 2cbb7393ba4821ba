# SPDX-License-Identifier: Apache-2.0
"""Makes LeRobot's golden data again and says how far it is from what lies in the tree.

For each folder of tests/golden/lerobot: its checkpoint and the raw observation, noise included, of
its expected.safetensors go through LeRobot's own processors and policy.
"""

import argparse
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file

from oracle.capture import infer, inputs_of, versions_line
from oracle.policy import load

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORDER = ("token", "state_normalized", "image", "model_actions", "actions")  # of the lines


def compare(case: str, old: dict, new: dict, inputs: dict) -> float:
    """Print a line for each tensor that is computed; the largest difference of them."""
    if old.keys() != new.keys():
        raise SystemExit(f"{case}: only one of the two has {sorted(old.keys() ^ new.keys())}")
    worst = 0.0
    for name in sorted(new, key=lambda n: (*(not n.startswith(o) for o in ORDER), n)):
        if name in inputs:
            continue
        a, b = old[name], new[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            raise SystemExit(f"{case}: {name} is {b.dtype} {b.shape}, was {a.dtype} {a.shape}")
        off = (a.double() - b.double()).abs()
        worst = max(worst, off.max().item())
        print(
            f"  {case:<22} {name:<17} {int((off > 0).sum()):7d} of {off.numel():7d} differ,"
            f" by at most {off.max():.1e}; largest value {b.double().abs().max():.2f}"
        )
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(prog="oracle.golden", description=__doc__)
    parser.add_argument("cases", nargs="*", help="folders' names (default: all)")
    parser.add_argument("--out", type=pathlib.Path, help="write NAME/expected.safetensors there")
    parser.add_argument("--bound", type=float, default=5e-6, help="(default %(default)s)")
    args = parser.parse_args()
    golden = ROOT / "tests" / "golden" / "lerobot"
    worst = 0.0
    print(f"{versions_line()}, {torch.get_num_threads()} threads")
    for folder in sorted(p.parent for p in golden.glob("*/expected.safetensors")):
        if args.cases and folder.name not in args.cases:
            continue
        file = folder / "expected.safetensors"
        inputs = inputs_of(file)
        new = infer(load(folder, golden / "tokenizer"), inputs, stages=False)
        worst = max(worst, compare(folder.name, load_file(file), new, inputs))
        if args.out:
            (args.out / folder.name).mkdir(parents=True, exist_ok=True)
            save_file(new, args.out / folder.name / "expected.safetensors")
    print(f"largest difference {worst:.1e}, bound {args.bound:.0e}")
    sys.exit(worst > args.bound)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""act.py [CHECKPOINT] - a policy from Python, as one calls openpi's. Install the package and run it,
from the top of the source tree:

    python3 -m venv pi0-venv && . pi0-venv/bin/activate
    pip install ./examples/python
    python3 examples/python/act.py demo/place

Prints the first rows of the plan for a painted table, the network's time, and what an error looks like.
"""
import sys

import numpy as np

import pi0


def paint_table():
    """A red block on the left, a bowl on the right: [224, 224, 3]."""
    picture = np.full((224, 224, 3), (225, 222, 214), np.uint8)
    y, x = np.mgrid[:224, :224]
    picture[np.hypot(x - 170, y - 60) < 24] = (190, 150, 105)
    picture[np.hypot(x - 60, y - 80) < 14] = (214, 40, 40)
    return picture


def main():
    policy = pi0.Policy(sys.argv[1] if len(sys.argv) > 1 else "demo/place")
    observation = {
        "observation.images.top": paint_table(),
        "observation.state": np.array([0.5, 0.8, 0.0]),
        "prompt": "put the red block in the bowl",
    }
    result = policy.infer(observation)
    for row in range(0, 16, 3):
        x, y, gripper = result["actions"][row]
        print(f"row {row:2}: hand to {x:.2f} {y:.2f}, gripper {gripper:.2f}")
    print(f"{result['policy_timing']['infer_ms']:.1f} ms")

    # what does not fit is told by its name
    try:
        policy.infer({**observation, "observation.images.top": np.zeros((224, 224), np.uint8)})
    except pi0.InvalidArgument as e:
        print(f"InvalidArgument: {e}")


main()

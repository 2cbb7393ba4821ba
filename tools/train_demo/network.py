# SPDX-License-Identifier: Apache-2.0
"""LeRobot's π0, small, and where its training starts."""

import math

import torch
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.pretrained import PreTrainedPolicy

from oracle.policy import Sizes, sized
from train_demo.tabletop import HORIZON, SIZE

CAMERA = "observation.images.top"
STATE = ACTION = 3  # x, y, gripper
# 1.3 million parameters; the vocabulary is that of demo/place/tokenizer.model
SIZES = Sizes(
    vision_width=96,
    vision_mlp=192,
    vision_layers=2,
    language_width=128,
    language_mlp=256,
    expert_width=96,
    expert_mlp=192,
    layers=3,
    head=32,
    vocabulary=512,
)


def new_policy() -> PreTrainedPolicy:
    """A policy with start values; its architecture is LeRobot's, only the sizes are not."""
    with sized("pi0", SIZES) as module:
        config = module.PI0Config(
            device="cpu",
            dtype="float32",
            chunk_size=HORIZON,
            n_action_steps=HORIZON // 2,
            compile_model=False,
            input_features={
                "observation.state": PolicyFeature(FeatureType.STATE, (STATE,)),
                CAMERA: PolicyFeature(FeatureType.VISUAL, (3, SIZE, SIZE)),
            },
            output_features={"action": PolicyFeature(FeatureType.ACTION, (ACTION,))},
        )
        policy = module.PI0Policy(config)
    start_values(policy)
    keep_padding_inert(policy)
    return policy


def position_table(rows: int, width: int) -> torch.Tensor:
    """Sines and cosines of a patch's row and column, [rows][width]."""
    side, quarter = math.isqrt(rows), width // 4
    frequency = math.pi * 2 ** torch.linspace(-1, 3, quarter)
    angle = ((torch.arange(side) + 0.5) / side)[:, None] * frequency
    waves = torch.cat([torch.sin(angle), torch.cos(angle)], 1)  # [side][width / 2]
    by_row = waves[:, None].expand(side, side, -1)
    by_column = waves[None].expand(side, side, -1)
    return 0.5 * torch.cat([by_row, by_column], 2).reshape(rows, -1).contiguous()


@torch.no_grad()
def start_values(policy: PreTrainedPolicy) -> None:
    """Weights of deviation 1 / sqrt(inputs), half of it where a residual ends."""
    ends = ("o_proj", "down_proj", "out_proj", "fc2")
    for name, p in policy.named_parameters():
        if "position_embedding" in name:
            p.copy_(position_table(*p.shape))
        elif "embed_tokens" in name:
            torch.nn.init.normal_(p, std=1 / math.sqrt(p.shape[1]))
        elif p.ndim >= 2 and "lm_head" not in name:
            torch.nn.init.normal_(p, std=1 / math.sqrt(p[0].numel()))
            if any(end in name for end in ends):
                p *= 0.5
    policy.model.action_out_proj.weight *= 0.1


def keep_padding_inert(policy: PreTrainedPolicy) -> None:
    """The loss looks at the robot's action columns only, so velocities of the others are not
    trained. They must not come back into the network with the next step: their weights stay 0."""
    weight = policy.model.action_in_proj.weight
    weight.data[:, ACTION:] = 0

    def without_padding(gradient: torch.Tensor) -> torch.Tensor:
        return torch.cat([gradient[:, :ACTION], torch.zeros_like(gradient[:, ACTION:])], 1)

    weight.register_hook(without_padding)

# SPDX-License-Identifier: Apache-2.0
"""One inference of LeRobot's own policy, with every stage, into a file for `pi0 verify --against`.

The observation is that of `pi0 infer --observation FILE.json`, or drawn at random, or taken from a
file that was captured before (`--inputs`). All of it is f32 on the CPU.
"""

import argparse
import importlib.metadata
import json
import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from oracle.policy import Loaded, load
from oracle.taps import record

PACKAGES = ("lerobot", "torch", "transformers")


def versions() -> dict[str, str]:
    """What the numbers are made with."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def versions_line() -> str:
    """The same, to be read."""
    return ", ".join(f"{name} {version}" for name, version in versions().items())


def infer(loaded: Loaded, inputs: dict[str, torch.Tensor], stages: bool) -> dict[str, torch.Tensor]:
    """What LeRobot computes for `raw.<camera>`, `state`, `task` and `noise`: these, what enters
    the network and what leaves it, and, with `stages`, all that lies between."""
    policy = loaded.policy
    images = {k.removeprefix("raw."): v.numpy() for k, v in inputs.items() if k.startswith("raw.")}
    task = bytes(inputs["task"].tolist()).decode()
    batch = loaded.batch(images, inputs["state"].numpy(), task)
    if stages:
        with record(policy) as taps:
            actions = policy.predict_action_chunk(batch, noise=inputs["noise"][None])
    else:
        taps, actions = {}, policy.predict_action_chunk(batch, noise=inputs["noise"][None])

    out = dict(inputs) | taps
    for i, (image, mask) in enumerate(zip(*policy._preprocess_images(batch), strict=True)):
        out[f"image{i}"], out[f"image_mask{i}"] = image[0], mask
    out["tokens"] = batch["observation.language.tokens"][0]
    out["token_mask"] = batch["observation.language.attention_mask"][0]
    out["state_normalized"] = batch["observation.state"][0]
    out["model_actions"] = actions[0]
    out["actions"] = loaded.postprocess(actions)[0]
    return {name: value.contiguous() for name, value in out.items()}


def inputs_of(path: pathlib.Path) -> dict[str, torch.Tensor]:
    """The raw observation and the noise of a file that was captured before."""
    return {
        name: value
        for name, value in load_file(path).items()
        if name.startswith("raw.") or name in ("state", "task", "noise")
    }


def draw_noise(loaded: Loaded, seed: int) -> torch.Tensor:
    """[horizon][action_dim] from PyTorch's generator."""
    config = loaded.policy.config
    shape = (config.chunk_size, config.max_action_dim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def cameras(loaded: Loaded) -> dict[str, tuple[int, int]]:
    """Rows and columns of each camera, less the ones that are always absent."""
    features = loaded.policy.config.image_features
    return {k: tuple(f.shape[1:]) for k, f in features.items() if ".empty_camera_" not in k}


def synthetic(loaded: Loaded, seed: int) -> dict[str, torch.Tensor]:
    """An observation of random numbers."""
    rng = np.random.default_rng(seed)
    n = loaded.policy.config.robot_state_feature.shape[0]
    inputs = {
        f"raw.{camera}": torch.from_numpy(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        for camera, size in cameras(loaded).items()
    }
    inputs["state"] = torch.from_numpy(rng.standard_normal(n).astype(np.float32))
    inputs["task"] = words("pick up the red block")
    return inputs


def words(text: str) -> torch.Tensor:
    """A sentence as bytes."""
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def observation(path: pathlib.Path) -> dict[str, torch.Tensor]:
    """An observation of `pi0 infer`: {"images": {CAMERA: FILE}, "state": ..., "prompt": ...}."""
    told = json.loads(path.read_text())
    inputs = {}
    for camera, file in told["images"].items():
        pixels = np.array(Image.open(path.parent / file).convert("RGB"))
        inputs[f"raw.{camera}"] = torch.from_numpy(pixels)
    state = told["state"]
    if isinstance(state, dict):
        (state,) = state.values()
    inputs["state"] = torch.tensor(state, dtype=torch.float32)
    inputs["task"] = words(told["prompt"])
    return inputs


def main() -> None:
    parser = argparse.ArgumentParser(prog="oracle.capture", description=__doc__)
    parser.add_argument("model", type=pathlib.Path, help="a folder that save_pretrained wrote")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--observation", type=pathlib.Path, metavar="FILE.json")
    source.add_argument(
        "--inputs", type=pathlib.Path, metavar="FILE.safetensors", help="as captured before"
    )
    source.add_argument("--synthetic", type=int, metavar="SEED", help="random pictures and state")
    add = parser.add_argument
    add("--tokenizer", type=pathlib.Path, help="folder of tokenizer.model (default: the model's)")
    add("--seed", type=int, default=0, help="of the noise (default %(default)s)")
    add("--noise", type=pathlib.Path, metavar="FILE.npy", help="[horizon][action_dim] f32")
    add("--threads", type=int, default=0, help="of PyTorch (default: its own choice)")
    add("--out", type=pathlib.Path, required=True, metavar="FILE.safetensors")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)

    loaded = load(args.model, args.tokenizer)
    if args.inputs:
        inputs = inputs_of(args.inputs)
    elif args.observation:
        inputs = observation(args.observation)
    else:
        inputs = synthetic(loaded, args.synthetic)
    if args.noise:
        inputs["noise"] = torch.from_numpy(np.load(args.noise).astype(np.float32))
    inputs.setdefault("noise", draw_noise(loaded, args.seed))

    out = infer(loaded, inputs, stages=True)
    save_file(out, args.out, metadata=versions())
    n = sum(name.startswith("taps.") for name in out)
    print(f"{args.out}: {n} stages of {args.model}, {versions_line()}")


if __name__ == "__main__":
    main()

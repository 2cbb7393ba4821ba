# SPDX-License-Identifier: Apache-2.0
"""A JAX checkpoint of pi0 or pi0.5 with random weights, saved by orbax-checkpoint as openpi does.

    python orbax_write.py [--pi05] [--tiny] [--lora] [--dtype float32] [--folders] DIR

writes DIR/params. The layers of a stack share their values, so that they need not all be in memory:
true sizes in bfloat16 take some 7 GB of it and 6.5 GB of disk, float32 twice as much. Needs orbax-checkpoint 0.11.13,
jax 0.5.3 and numpy 1.26, from PyPI.
"""

import argparse
import math
import pathlib

import jax
import ml_dtypes
import numpy as np
import orbax.checkpoint as ocp

TRUE = {"v": 1152, "m": 4304, "a": 16, "b": 72, "k": 27, "L": 18, "D": 2048, "F": 16384, "N": 8,
        "H": 256, "W": 1024, "G": 4096, "T": 257152, "i": 256}
TINY = {"v": 96, "m": 172, "a": 16, "b": 6, "k": 2, "L": 3, "D": 64, "F": 160, "N": 8, "H": 16,
        "W": 32, "G": 80, "T": 512, "i": 256}
FIXED = {"y": 14, "x": 14, "c": 3, "1": 1, "2": 2, "A": 32, "R": 16}
CHUNK_BYTES = 600_000_000  # of the largest array, as a sharded run stores it


def arrays(pi05: bool, lora: bool) -> dict[str, str]:
    """Path in the tree: axes, by the letters above. The last but one goes in, the last comes out."""
    block = "PaliGemma/img/Transformer/encoderblock/"
    attention = block + "MultiHeadDotProductAttention_0/"
    layers = "PaliGemma/llm/layers/"
    tree = {
        "PaliGemma/img/embedding/kernel": "yxcv", "PaliGemma/img/embedding/bias": "v",
        "PaliGemma/img/pos_embedding": "1iv",
        "PaliGemma/img/Transformer/encoder_norm/scale": "v",
        "PaliGemma/img/Transformer/encoder_norm/bias": "v",
        "PaliGemma/img/head/kernel": "vD", "PaliGemma/img/head/bias": "D",
        "PaliGemma/llm/embedder/input_embedding": "TD",
        "PaliGemma/llm/final_norm/scale": "D",
        block + "MlpBlock_0/Dense_0/kernel": "kvm", block + "MlpBlock_0/Dense_0/bias": "km",
        block + "MlpBlock_0/Dense_1/kernel": "kmv", block + "MlpBlock_0/Dense_1/bias": "kv",
        attention + "out/kernel": "kabv", attention + "out/bias": "kv",
    }
    for i in "01":
        tree |= {f"{block}LayerNorm_{i}/scale": "kv", f"{block}LayerNorm_{i}/bias": "kv"}
    for name in ("query", "key", "value"):
        tree |= {f"{attention}{name}/kernel": "kvab", f"{attention}{name}/bias": "kab"}
    for end, width, mlp in (("", "D", "F"), ("_1", "W", "G")):
        tree |= {
            f"{layers}attn/q_einsum{end}/w": f"LN{width}H",
            f"{layers}attn/kv_einsum{end}/w": f"L21{width}H",
            f"{layers}attn/attn_vec_einsum{end}/w": f"LNH{width}",
            f"{layers}mlp{end}/gating_einsum": f"L2{width}{mlp}",
            f"{layers}mlp{end}/linear": f"L{mlp}{width}",
        }
        if lora:
            for path in [p for p in tree if p.startswith(layers) and p.split("/")[3].endswith(end)]:
                axes = tree[path]
                if len(axes) < 3 or "lora" in path:
                    continue
                stem = path[:-1] if path.endswith("/w") else path + "_"
                tree[stem + "lora_a"] = axes[:-1] + "R"
                tree[stem + "lora_b"] = axes[:-2] + "R" + axes[-1]
    norms = ("pre_attention_norm", "pre_ffw_norm")
    tree |= {f"{layers}{norm}/scale": "LD" for norm in norms}
    if pi05:
        for path, lead in [(f"{layers}{norm}_1", "L") for norm in norms] + [
                ("PaliGemma/llm/final_norm_1", "")]:
            tree |= {f"{path}/Dense_0/kernel": lead + "WS", f"{path}/Dense_0/bias": lead + "S"}
        dense = {"time_mlp_in": "WW", "time_mlp_out": "WW"}
    else:
        tree |= {f"{layers}{norm}_1/scale": "LW" for norm in norms}
        tree["PaliGemma/llm/final_norm_1/scale"] = "W"
        dense = {"state_proj": "AW", "action_time_mlp_in": "CW", "action_time_mlp_out": "WW"}
    for name, axes in (dense | {"action_in_proj": "AW", "action_out_proj": "WA"}).items():
        tree |= {f"{name}/kernel": axes, f"{name}/bias": axes[1]}
    return tree


class Shared(np.ndarray):
    """An array whose layers share memory. orbax-checkpoint copies what it saves, and would copy
    every layer."""

    def __deepcopy__(self, memo: dict) -> "Shared":
        return self


def values(path: str, axes: str, shape: tuple[int, ...], dtype, rng) -> np.ndarray:
    """Random, such that activations stay near 1; one layer's values stand for all of its stack."""
    stacked = axes[0] in "kL"
    own = shape[1:] if stacked else shape
    if path.endswith("scale") and "img" in path:
        layer = np.ones(own, np.float32)
    elif path.endswith(("scale", "bias")):
        layer = 0.02 * rng.standard_normal(own, np.float32)
    else:
        inside = math.prod(own[:-1]) if "out/kernel" in path or "vec" in path else own[-2]
        layer = rng.standard_normal(own, np.float32)
        layer *= np.float32(1 / math.sqrt(inside))
    layer = layer.astype(dtype, copy=False)
    return (np.broadcast_to(layer, shape) if stacked else layer).view(Shared)


def save_arg(array: np.ndarray) -> ocp.SaveArgs:
    return ocp.SaveArgs(chunk_byte_size=CHUNK_BYTES if array.size > 1_000_000_000 else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pi05", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="a few megabytes")
    parser.add_argument("--lora", action="store_true", help="with low-rank updates of rank 16")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--folders", action="store_true", help="a folder for each array, no OCDBT")
    parser.add_argument("dir", type=pathlib.Path)
    args = parser.parse_args()

    sizes = FIXED | (TINY if args.tiny else TRUE)
    sizes |= {"S": 3 * sizes["W"], "C": 2 * sizes["W"]}
    dtype = np.float32 if args.dtype == "float32" else ml_dtypes.bfloat16
    rng = np.random.default_rng(0)
    tree: dict = {}
    for path, axes in arrays(args.pi05, args.lora).items():
        *folders, leaf = path.split("/")
        at = tree
        for folder in folders:
            at = at.setdefault(folder, {})
        at[leaf] = values(path, axes, tuple(sizes[letter] for letter in axes), dtype, rng)
    item = {"params": tree}
    handler = ocp.PyTreeCheckpointHandler(use_ocdbt=not args.folders, save_concurrent_gb=5)
    with ocp.Checkpointer(handler) as checkpointer:
        checkpointer.save((args.dir / "params").absolute(), item,
                          ocp.args.PyTreeSave(item, save_args=jax.tree.map(save_arg, item)))


if __name__ == "__main__":
    main()

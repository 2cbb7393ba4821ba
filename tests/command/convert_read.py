# SPDX-License-Identifier: Apache-2.0
"""Read converted checkpoints with the safetensors package of PyPI.

    convert_read.py same A B      every tensor of both files, by name, type, shape, bytes
    convert_read.py whole FILE N  N tensors, all of finite f32
"""

import sys

import numpy as np
from safetensors import safe_open


def tensors(path: str) -> dict[str, np.ndarray]:
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def main() -> None:
    what, path, other = sys.argv[1:]
    read = tensors(path)
    if what == "same":
        expected = tensors(other)
        assert read.keys() == expected.keys(), read.keys() ^ expected.keys()
        for name, value in read.items():
            assert value.dtype == expected[name].dtype and value.shape == expected[name].shape, name
            assert value.tobytes() == expected[name].tobytes(), name
    else:
        assert len(read) == int(other), len(read)
        assert all(v.dtype == np.float32 and np.isfinite(v).all() for v in read.values())
    print(f"{path}: {len(read)} tensors read")


main()

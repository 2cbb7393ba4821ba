# SPDX-License-Identifier: Apache-2.0
"""An observation as openpi-client sends it, a dict of arrays and texts, as pi0.h takes it.

Pictures and vectors stay where they are if the library can read them there; else they are copied.
"""
from __future__ import annotations

import ctypes
from typing import Any, Mapping

import numpy as np

from pi0 import _library as c
from pi0._errors import PI0_EINVAL
from pi0._errors import error

_IMAGES = "images/"


def _wrong(key: str, what: str):
    return error(PI0_EINVAL, f"{key}: {what}")


def flatten(obs: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Maps in maps as one: {"images": {"cam_high": x}} is {"images/cam_high": x}."""
    flat: dict[str, Any] = {}
    for key, value in obs.items():
        name = before + (key.decode() if isinstance(key, bytes) else key)
        inner = flatten(value, name + "/") if isinstance(value, Mapping) else {name: value}
        twice = flat.keys() & inner.keys()
        if twice:
            raise _wrong(min(twice), "the key is there twice")
        flat.update(inner)
    return flat


class Robot:
    """What a policy says of its robot, in Python's types."""

    def __init__(self, info: c.policy_info) -> None:
        self.cameras = [info.cameras[i].name.decode() for i in range(info.n_cameras)]
        self.states = [info.states[i].name.decode() for i in range(info.n_states)]
        self.axes = info.image_axes.decode()
        self.name = info.robot.decode()
        self.extra_allowed = bool(info.extra_allowed)
        self.pillow = info.resize == b"pillow"
        self.n_actions = info.n_actions
        self.metadata = info.metadata.decode()


class Packed:
    """A pi0_observation, and all that it points at."""

    def __init__(self, obs: Mapping[str, Any], robot: Robot) -> None:
        self._robot = robot
        self._kept: list[Any] = []  # arrays and texts that the structs point at
        self._images: list[c.image] = []
        self._states: list[c.state] = []
        self._prompt: bytes | None = None
        self._keys = flatten(obs)
        for key, value in self._keys.items():
            self._take(key, value)
        self.struct = c.observation(
            (c.image * len(self._images))(*self._images), len(self._images),
            (c.state * len(self._states))(*self._states), len(self._states), self._prompt)

    # ---- which key is what ----

    def _take(self, key: str, value: Any) -> None:
        robot, camera = self._robot, key[len(_IMAGES):] if key.startswith(_IMAGES) else key
        if key in ("prompt", "task"):
            self._prompt = _text(key, value)
        elif camera in robot.cameras or key in robot.cameras:
            self._add_image(key, camera, value)
        elif key in robot.states:
            self._add_state(key, value)
        elif isinstance(value, np.ndarray) and self._is_judged(key, camera, value):
            # the library knows it by another name (LeRobot's rename step), or refuses it
            if value.ndim == 3:
                self._add_image(key, camera, value)
            elif value.ndim <= 1 and value.dtype.kind in "biuf":
                self._add_state(key, value)

    def _is_judged(self, key: str, camera: str, value: np.ndarray) -> bool:
        """Not asked for: whether the library shall have a look at it, as in `pi0 infer`."""
        if camera != key:
            return True
        if self._robot.extra_allowed or self._robot.name == "ALOHA":
            return False
        missing = any(name not in self._keys for name in self._robot.states)
        return value.ndim == 3 or (missing and key.startswith("observation"))

    # ---- vectors ----

    def _add_state(self, key: str, value: Any) -> None:
        a = np.asarray(value)
        if a.ndim > 1 or a.dtype.kind not in "biuf":
            raise _wrong(key, f"an array of shape {a.shape} and type {a.dtype}, expected numbers in one dimension")
        a = np.ascontiguousarray(np.atleast_1d(a), np.float64)
        self._kept.append(a)
        self._states.append(c.state(key.encode(), a.ctypes.data_as(ctypes.POINTER(ctypes.c_double)), a.size))

    # ---- pictures ----

    def _add_image(self, key: str, camera: str, value: Any) -> None:
        a = np.asarray(value)
        planes = self._are_planes(key, a)
        a = self._as_read(key, a)
        height, width = a.shape[1:] if planes else a.shape[:2]
        stride = _row_stride(a, planes)
        if not stride:
            a = np.ascontiguousarray(a)
            stride = _row_stride(a, planes)
        kind = c.RGB8_HWC if a.dtype == np.uint8 else c.RGBF32_HWC
        self._kept.append(a)
        self._images.append(c.image(camera.encode(), a.ctypes.data, width, height, stride, kind + planes))

    def _are_planes(self, key: str, a: np.ndarray) -> bool:
        """[3,height,width]; openpi takes what begins with a 3 for planes where it may be either.

        Source: openpi src/openpi/policies/droid_policy.py _parse_image."""
        axes = self._robot.axes
        planes, pixels = a.ndim == 3 and a.shape[0] == 3, a.ndim == 3 and a.shape[2] == 3
        as_planes = axes == "CHW" or (planes and axes != "HWC")
        if not a.size or not (planes if as_planes else pixels):
            expected = {"CHW": "(3, height, width)", "HWC": "(height, width, 3)"}.get(
                axes, "(height, width, 3) or (3, height, width)")
            hint = ": transpose it" if a.size and (planes or pixels) else ""
            raise _wrong(key, f"a picture of shape {a.shape}, expected {expected}{hint}")
        return as_planes

    def _as_read(self, key: str, a: np.ndarray) -> np.ndarray:
        """The types that pi0.h reads: 8 bits, or f32 from 0 to 1."""
        if a.dtype == np.uint8 or a.dtype == np.float32:
            return a
        if a.dtype.kind != "f":
            raise _wrong(key, f"a picture of type {a.dtype}, expected uint8 (0 to 255) or floats (0 to 1)")
        if not self._robot.pillow:
            return a.astype(np.float32)
        # openpi cuts in the array's own type: f16 and f64 are cut here
        if not (np.min(a) >= 0 and np.max(a) <= 1):
            raise _wrong(key, f"a picture of floats from {np.min(a)} to {np.max(a)}, expected 0 to 1")
        return (255 * a).astype(np.uint8)


def _row_stride(a: np.ndarray, planes: bool) -> int:
    """Bytes from row to row, if the library can read the picture where it lies; else 0."""
    item = a.itemsize
    if planes:
        _, height, width = a.shape
        plane, row, pixel = a.strides
        fits = pixel == item and row >= width * item and plane == height * row
    else:
        _, width, _ = a.shape
        row, pixel, colour = a.strides
        fits = colour == item and pixel == 3 * item and row >= width * 3 * item
    return row if fits and row % item == 0 else 0


def _text(key: str, value: Any) -> bytes:
    """A text; one in a list or an array of one, as LeRobot and numpy have it."""
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "US":
        value = value.reshape(())[()]
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes):
        raise _wrong(key, f"{type(value).__name__}, expected one text")
    if b"\0" in value:
        raise _wrong(key, "a NUL in the text")
    return bytes(value)

# SPDX-License-Identifier: Apache-2.0
"""A model, and a policy on it that is called as openpi's."""
from __future__ import annotations

import ctypes
import json
import logging
import os
import threading
from typing import Any, Callable, Mapping
import weakref

import numpy as np

from pi0 import _library as c
from pi0._errors import PI0_EINVAL
from pi0._errors import error
from pi0._observation import Packed
from pi0._observation import Robot

_logger = logging.getLogger("pi0")


@c.LogFunction
def _log(_user, level, message) -> None:
    _logger.log(logging.WARNING if level == c.LOG_WARNING else logging.INFO, "%s",
                message.decode("utf-8", "replace"))


def _options(given: dict[str, Any]) -> c.options:
    """The library's defaults, and what was given."""
    opt = c.options()
    c.library().pi0_default_options(ctypes.byref(opt))
    for name, value in given.items():
        if value is not None:
            setattr(opt, name, os.fsencode(value) if isinstance(value, (str, os.PathLike)) else value)
    opt.log = _log
    return opt


def _free_with(owner: Any, free: Callable, handle: ctypes.c_void_p, *kept: Any) -> weakref.finalize:
    """Free the handle when its owner goes, and what was kept after it. Not at the interpreter's end:
    a thread of the owner's may be inside the library then."""
    end = weakref.finalize(owner, lambda *_: free(handle), *kept)
    end.atexit = False
    return end


class Model:
    """A checkpoint, loaded: constant, and shared by as many policies as one likes.

    Args:
        path: a folder as openpi or LeRobot writes it.
        config: an openpi config by its name ("pi05_droid"), or the path of a JSON file that describes
            a robot. None: a LeRobot folder's own processors.
        tokenizer: a SentencePiece model file; None: the checkpoint's own folder.
        backend: "auto", "cpu", "reference".
        precision: "auto", "bf16", "f32".
        horizon: rows of a chunk, where the checkpoint does not say.

    Messages of the library go to the logger "pi0".
    """

    def __init__(self, path: str | os.PathLike, *, config: str | os.PathLike | None = None,
                 tokenizer: str | os.PathLike | None = None, backend: str | None = None,
                 precision: str | None = None, horizon: int | None = None) -> None:
        handle = ctypes.c_void_p()
        opt = _options({"config": config, "tokenizer": tokenizer, "backend": backend,
                        "precision": precision, "horizon": horizon})
        c.call("pi0_load", ctypes.byref(handle), os.fsencode(path), ctypes.byref(opt))
        _free_with(self, c.library().pi0_free, handle)
        self._handle = handle
        info = c.policy_info()
        c.call("pi0_model_policy", handle, ctypes.byref(info))
        self.robot = Robot(info)


class Policy:
    """openpi's Policy, by libpi0: `infer(obs)` gives the same keys, shapes and types.

    Args:
        model: a Model, or the path of a checkpoint, which is then loaded with `load`: config=,
            tokenizer= and the other options of Model.
        num_steps: denoising steps; None: what the checkpoint says, else 10.
        seed: of the noise that is drawn; the k-th chunk has its own.
        threads: of the network; None: one per physical core.

    A policy is one robot's: calls from several threads wait for each other. While the network runs,
    other threads of Python run, too.
    """

    def __init__(self, model: Model | str | os.PathLike, *, num_steps: int | None = None,
                 seed: int | None = None, threads: int | None = None, **load: Any) -> None:
        if isinstance(model, Model):
            if load:
                raise TypeError(f"{', '.join(load)}: an option of Model, which is there already")
        else:
            model = Model(model, **load)
        handle = ctypes.c_void_p()
        opt = _options({"num_steps": num_steps, "seed": seed, "n_threads": threads})
        c.call("pi0_session_create", ctypes.byref(handle), model._handle, ctypes.byref(opt))
        self._handle = handle
        self._end = _free_with(self, c.library().pi0_session_free, handle, model)
        self._busy = threading.Lock()  # held by the call that runs
        self._alive = threading.Lock()  # held while the session is cancelled or freed
        self._robot = model.robot
        made = c.session_info()
        c.library().pi0_session_get_info(handle, ctypes.byref(made))
        self._chunk = (made.horizon, model.robot.n_actions)
        self._noise = (made.horizon, made.action_dim)

    def infer(self, obs: Mapping[str, Any], *, noise: np.ndarray | None = None) -> dict[str, Any]:
        """One chunk of robot commands.

        Args:
            obs: what the robot's openpi client sends: pictures, vectors and "prompt", in maps of maps
                or under keys with slashes. Nothing of it is changed; arrays that lie in rows are read
                where they are.
            noise: f32 [horizon, action_dim] that the chunk starts from; None: drawn from the seed,
                another each time.

        Returns:
            "actions": f64 [horizon, commands] in the robot's units; "policy_timing": {"infer_ms"},
            the network's time. (openpi's robots take "state" out of the answer again.)

        Raises:
            InvalidArgument: something of the observation is missing, unknown, or has another shape.
            Canceled: cancel() was called. Error: else; the policy works on after each of them.

        Source: openpi src/openpi/policies/policy.py Policy.infer.
        """
        packed = Packed(obs, self._robot)
        start = None if noise is None else self._check_noise(noise)
        actions = np.empty(self._chunk, np.float64)
        took = c.timing()
        with self._busy:
            self._check_open()
            c.call("pi0_act", self._handle, ctypes.byref(packed.struct),
                   None if start is None else start.ctypes.data, actions.ctypes.data, actions.size)
            c.library().pi0_session_timing(self._handle, ctypes.byref(took))
        return {"actions": actions, "policy_timing": {"infer_ms": took.total_ms}}

    def _check_noise(self, noise: np.ndarray) -> np.ndarray:
        a = np.asarray(noise)
        if a.shape not in (self._noise, (1, *self._noise)):
            raise error(PI0_EINVAL, f"noise: an array of shape {a.shape}, expected {self._noise}")
        return np.ascontiguousarray(a, np.float32)

    def _check_open(self) -> None:
        if not self._end.alive:
            raise error(PI0_EINVAL, "the policy is closed")

    @property
    def metadata(self) -> dict[str, Any]:
        """What openpi's server sends when a client connects, as {"reset_pose": [...]}."""
        return json.loads(self._robot.metadata)

    def reset(self) -> None:
        """A new episode. (Noise goes on where it was; seed() begins it again.)"""
        with self._busy:
            self._check_open()
            c.library().pi0_session_reset(self._handle)

    def seed(self, seed: int) -> None:
        """Begin the noise again from this seed."""
        with self._busy:
            self._check_open()
            c.library().pi0_session_seed(self._handle, seed)

    def cancel(self) -> None:
        """Stop the infer() that runs in another thread: it raises Canceled."""
        with self._alive:
            if self._end.alive:
                c.library().pi0_cancel(self._handle)

    def close(self) -> None:
        """Free threads and memory now, not when the object goes: the model's too, if it is no other's."""
        with self._busy, self._alive:
            self._end()

    def __enter__(self) -> Policy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

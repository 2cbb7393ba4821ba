# SPDX-License-Identifier: Apache-2.0
"""The library's status codes as exceptions."""
from __future__ import annotations

# include/pi0.h, "status"
PI0_EINVAL = -1
PI0_ENOMEM = -2
PI0_EIO = -3
PI0_EFORMAT = -4
PI0_EUNSUPPORTED = -5
PI0_EDEVICE = -6
PI0_ECANCELED = -7
PI0_ENUMERIC = -8


class Error(Exception):
    """What the library says when something cannot be done. `code` is its status, as PI0_EIO."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidArgument(Error, ValueError):
    """PI0_EINVAL: an option or an observation does not fit the model."""


class OutOfMemory(Error, MemoryError):
    """PI0_ENOMEM."""


class NotSupported(Error):
    """PI0_EUNSUPPORTED: a known kind of model or feature that the library does not run."""


class Canceled(Error):
    """PI0_ECANCELED: Policy.cancel() was called."""


_CLASSES = {PI0_EINVAL: InvalidArgument, PI0_ENOMEM: OutOfMemory, PI0_EUNSUPPORTED: NotSupported,
            PI0_ECANCELED: Canceled}


def error(code: int, message: str) -> Error:
    """The exception of a status."""
    return _CLASSES.get(code, Error)(code, message)

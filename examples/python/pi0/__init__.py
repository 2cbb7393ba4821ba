# SPDX-License-Identifier: Apache-2.0
"""Robot policies pi0 and pi0.5 by libpi0: no torch, no jax, no copy of a picture.

    policy = pi0.Policy("checkpoints/pi05_droid", config="pi05_droid")
    actions = policy.infer(observation)["actions"]

`Policy.infer` takes and gives what openpi's Policy takes and gives. Whatever does not fit is an
exception with the library's own message.
"""
from pi0._errors import Canceled
from pi0._errors import Error
from pi0._errors import InvalidArgument
from pi0._errors import NotSupported
from pi0._errors import OutOfMemory
from pi0._library import library_path
from pi0._library import library_version
from pi0._policy import Model
from pi0._policy import Policy
from pi0._version import __version__

__all__ = ["Canceled", "Error", "InvalidArgument", "Model", "NotSupported", "OutOfMemory", "Policy",
           "__version__", "library_path", "library_version"]

# SPDX-License-Identifier: Apache-2.0
"""libpi0 by ctypes: where it is, its structs and its functions.

Structs and prototypes say the same as include/pi0.h. A test of the source tree has the C compiler
compare them: each struct's size, each field's name, place and type, each function's type.
"""
from __future__ import annotations

import ctypes
from ctypes import POINTER
from ctypes import c_char_p
from ctypes import c_double
from ctypes import c_int
from ctypes import c_size_t
from ctypes import c_ubyte
from ctypes import c_uint64
from ctypes import c_void_p
import ctypes.util
import functools
import os
import pathlib
import subprocess

from pi0._errors import error
from pi0._version import __version__

# the releases of the library that this package is for: MAJOR.MINOR. and anything
COMPATIBLE = __version__.rpartition(".")[0] + "."
SONAME = "libpi0.so.0"

# formats of pictures
RGB8_HWC, RGB8_CHW, RGBF32_HWC, RGBF32_CHW = range(4)
LOG_INFO, LOG_WARNING = range(2)
MAX_STEPS = 12  # PI0_POLICY_MAX_STEPS

# (called on the thread that called the library: ctypes takes the GIL again for it)
LogFunction = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)


# ---- structs -----------------------------------------------------------------------------------
# named as in pi0.h, without "pi0_"


class error_struct(ctypes.Structure):
    _fields_ = [("code", c_int), ("message", ctypes.c_char * 1020)]


class options(ctypes.Structure):
    _fields_ = [
        ("backend", c_char_p), ("precision", c_char_p), ("cpu_mask", c_char_p), ("tokenizer", c_char_p),
        ("n_threads", c_int), ("num_steps", c_int), ("horizon", c_int), ("max_images", c_int),
        ("max_tokens", c_int), ("seed", c_uint64), ("config", c_char_p),
        ("lerobot_state_padding", c_char_p), ("n_action_steps", c_int), ("log", LogFunction),
        ("log_user", c_void_p)]


class image(ctypes.Structure):
    _fields_ = [("camera", c_char_p), ("rgb", c_void_p), ("width", c_int), ("height", c_int),
                ("stride", c_size_t), ("format", c_int)]


class state(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("values", POINTER(c_double)), ("n", c_int)]


class observation(ctypes.Structure):
    _fields_ = [("images", POINTER(image)), ("n_images", c_int), ("states", POINTER(state)),
                ("n_states", c_int), ("prompt", c_char_p)]


class session_info(ctypes.Structure):
    _fields_ = [("n_threads", c_int), ("num_steps", c_int), ("horizon", c_int), ("action_dim", c_int),
                ("max_images", c_int), ("max_tokens", c_int), ("block_bytes", c_uint64)]


class timing(ctypes.Structure):
    _fields_ = [("inputs_ms", c_double), ("vision_ms", c_double), ("prefix_ms", c_double),
                ("denoise_ms", c_double), ("total_ms", c_double)]


class policy_camera(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("slot", c_char_p), ("required", c_int)]


class policy_state(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("size", c_int)]


class policy_norm(ctypes.Structure):
    _fields_ = [("kind", c_char_p), ("eps", c_double), ("n", c_int), ("a", POINTER(c_double)),
                ("b", POINTER(c_double))]


class policy_info(ctypes.Structure):
    _fields_ = [
        ("config", c_char_p), ("robot", c_char_p), ("pi05", c_int), ("horizon", c_int),
        ("max_tokens", c_int), ("n_action_steps", c_int), ("n_cameras", c_int),
        ("cameras", POINTER(policy_camera)), ("image_axes", c_char_p), ("extra_allowed", c_int),
        ("n_states", c_int), ("states", POINTER(policy_state)), ("state_dim", c_int),
        ("n_actions", c_int), ("action_names", POINTER(c_char_p)), ("state_units", c_char_p),
        ("action_units", c_char_p), ("default_prompt", c_char_p), ("prompt_format", c_char_p),
        ("state_in_prompt", c_int), ("time_grid", c_char_p), ("resize", c_char_p),
        ("relative", POINTER(c_ubyte)), ("asset_id", c_char_p), ("statistics", c_char_p),
        ("metadata", c_char_p), ("input_steps", c_char_p * MAX_STEPS),
        ("output_steps", c_char_p * MAX_STEPS), ("state_norm", policy_norm),
        ("action_norm", policy_norm)]


# C's name of each
STRUCTS = {
    "pi0_error": error_struct, "pi0_options": options, "pi0_image": image, "pi0_state": state,
    "pi0_observation": observation, "pi0_session_info": session_info, "pi0_timing": timing,
    "pi0_policy_camera": policy_camera, "pi0_policy_state": policy_state,
    "pi0_policy_norm": policy_norm, "pi0_policy_info": policy_info}

# ---- functions ---------------------------------------------------------------------------------
# in C's own words

PROTOTYPES = {
    "pi0_version": "const char *(void)",
    "pi0_status_name": "const char *(int)",
    "pi0_default_options": "void (pi0_options *)",
    "pi0_load": "int (pi0_model **, const char *, const pi0_options *, pi0_error *)",
    "pi0_free": "void (pi0_model *)",
    "pi0_model_policy": "int (const pi0_model *, pi0_policy_info *, pi0_error *)",
    "pi0_session_create": "int (pi0_session **, const pi0_model *, const pi0_options *, pi0_error *)",
    "pi0_session_free": "void (pi0_session *)",
    "pi0_session_get_info": "void (const pi0_session *, pi0_session_info *)",
    "pi0_session_timing": "void (const pi0_session *, pi0_timing *)",
    "pi0_session_seed": "void (pi0_session *, uint64_t)",
    "pi0_session_reset": "void (pi0_session *)",
    "pi0_act":
        "int (pi0_session *, const pi0_observation *, const float *, double *, size_t, pi0_error *)",
    "pi0_cancel": "void (pi0_session *)",
}

_PLAIN = {"void": None, "int": c_int, "uint64_t": c_uint64, "size_t": c_size_t, "const char *": c_char_p,
          "const float *": c_void_p, "double *": c_void_p, "pi0_model *": c_void_p,
          "pi0_session *": c_void_p, "pi0_model **": POINTER(c_void_p), "pi0_session **": POINTER(c_void_p)}


def _ctype(words: str):
    """A C type of PROTOTYPES as ctypes has it."""
    plain = words if words in _PLAIN else words.replace("const ", "", 1)
    if plain in _PLAIN:
        return _PLAIN[plain]
    return POINTER(STRUCTS[plain[:-2]])


def _declare(library: ctypes.CDLL) -> None:
    for name, prototype in PROTOTYPES.items():
        result, arguments = prototype[:-1].split("(")
        function = getattr(library, name)
        function.restype = _ctype(result.strip())
        function.argtypes = [_ctype(a) for a in arguments.split(", ") if a != "void"]


# ---- where it is -------------------------------------------------------------------------------


def _by_pkg_config() -> str | None:
    try:
        found = subprocess.run(["pkg-config", "--variable=libdir", "pi0"], capture_output=True, text=True,
                               check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return os.path.join(found.stdout.strip(), SONAME)


def _places():
    """Names for dlopen, the first one that is there is taken."""
    beside = pathlib.Path(__file__).with_name(SONAME)
    if beside.exists():
        yield str(beside)
    yield SONAME  # the linker's own search: LD_LIBRARY_PATH, ldconfig, /usr/lib
    by_name = ctypes.util.find_library("pi0")
    if by_name:
        yield by_name
    by_package = _by_pkg_config()
    if by_package:
        yield by_package


def _open() -> ctypes.CDLL:
    # whoever names one gets this one or an error
    named = os.environ.get("PI0_LIBRARY")
    if named:
        return ctypes.CDLL(named)
    tried = []
    for place in _places():
        try:
            return ctypes.CDLL(place)
        except OSError as e:
            tried.append(f"{place}: {e}")
    raise OSError("libpi0 was not found; install it, or set PI0_LIBRARY to the path of libpi0.so. Tried: " +
                  "; ".join(tried))


@functools.lru_cache(maxsize=None)
def library() -> ctypes.CDLL:
    """libpi0, opened when it is needed first. ctypes.CDLL lets go of the GIL in every call."""
    opened = _open()
    if not hasattr(opened, "pi0_version"):
        raise OSError(f"{opened._name}: not libpi0")
    opened.pi0_version.restype = c_char_p
    version = opened.pi0_version().decode()
    if not version.startswith(COMPATIBLE):
        raise OSError(f"{opened._name}: libpi0 {version}, but this package is for {COMPATIBLE}x")
    _declare(opened)
    return opened


def library_path() -> str:
    """The library that is used, as it was given to dlopen."""
    return library()._name


def library_version() -> str:
    """Its version."""
    return library().pi0_version().decode()


def call(name: str, *arguments) -> None:
    """A function that returns a status and says more in a pi0_error, its last argument."""
    said = error_struct()
    code = getattr(library(), name)(*arguments, ctypes.byref(said))
    if code:
        raise error(code, said.message.decode("utf-8", "replace"))

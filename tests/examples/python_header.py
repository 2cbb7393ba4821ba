# SPDX-License-Identifier: Apache-2.0
"""python_header.py PACKAGE HEADER CC WORK - the Python package's structs, functions and codes beside
include/pi0.h: a C program that the compiler has to accept, made from what the package says. Each
struct has the header's fields, all of them, in its order; each field its place and type."""
import ctypes
import importlib
import os
import re
import subprocess
import sys
import types

PACKAGE, HEADER, CC, WORK = sys.argv[1:5]
# (its modules without the package's own first lines: those need numpy)
package = types.ModuleType("pi0")
package.__path__ = [os.path.join(PACKAGE, "pi0")]
sys.modules["pi0"] = package
library = importlib.import_module("pi0._library")
errors = importlib.import_module("pi0._errors")

NAMES = {ctype: name for name, ctype in library.STRUCTS.items()}
PLAIN = {ctypes.c_int: "int", ctypes.c_char_p: "const char *", ctypes.c_double: "double",
         ctypes.c_size_t: "size_t", ctypes.c_uint64: "uint64_t", ctypes.c_ubyte: "unsigned char",
         library.LogFunction: "pi0_log_fn"}
# what ctypes has one type for, and C several
VOID = {"pi0_image.rgb": "const void *", "pi0_options.log_user": "void *"}


def c_type(struct, field, ctype):
    """The declaration of the field, as a pattern for its name."""
    if ctype is ctypes.c_void_p:
        return VOID[f"{struct}.{field}"] + " {}"
    if ctype in NAMES:
        return NAMES[ctype] + " {}"
    if ctype in PLAIN:
        return PLAIN[ctype] + " {}"
    if issubclass(ctype, ctypes.Array):
        element = "char" if ctype._type_ is ctypes.c_char else PLAIN[ctype._type_]
        return f"{element} {{}}[{ctype._length_}]"
    # a pointer to what the library keeps as it is
    pointed = ctype._type_
    return f"{NAMES.get(pointed) or PLAIN[pointed]} const *{{}}"


def fields_of_header(name, text):
    """The names of a struct's members, in order."""
    body = re.search(r"typedef struct %s \{(.*?)\} %s;" % (name, name), text, re.S)[1]
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    members = []
    for declaration in body.split(";"):
        for part in declaration.split(","):
            found = re.search(r"(\w+)\s*(\[\w+\])?\s*$", part)
            if found:
                members.append(found[1])
    return members


def checks(header):
    for name, struct in library.STRUCTS.items():
        declared = [field for field, _ in struct._fields_]
        if declared != fields_of_header(name, header):
            sys.exit(f"{name}: the header has {fields_of_header(name, header)}, the package {declared}")
        yield f"_Static_assert(sizeof({name}) == {ctypes.sizeof(struct)}, \"{name}\");"
        for field, ctype in struct._fields_:
            offset = getattr(struct, field).offset
            yield f"_Static_assert(offsetof({name}, {field}) == {offset}, \"{name}.{field}\");"
            # a pointer to the member of just this type
            declarator = c_type(name, field, ctype).format(f"(*p_{name}_{field})")
            yield f"{declarator} = &((({name} *)0)->{field});"
    for name, prototype in library.PROTOTYPES.items():
        result, arguments = prototype.split("(", 1)
        yield f"{result}(*p_{name})({arguments} = {name};"
    for name in [n for n in vars(errors) if n.startswith("PI0_")]:
        yield f"_Static_assert({name} == {getattr(errors, name)}, \"{name}\");"
    for i, name in enumerate(["PI0_RGB8_HWC", "PI0_RGB8_CHW", "PI0_RGBF32_HWC", "PI0_RGBF32_CHW"]):
        assert getattr(library, name[4:]) == i
        yield f"_Static_assert({name} == {i}, \"{name}\");"
    yield f"_Static_assert(PI0_LOG_WARNING == {library.LOG_WARNING}, \"PI0_LOG_WARNING\");"
    yield f"_Static_assert(PI0_POLICY_MAX_STEPS == {library.MAX_STEPS}, \"PI0_POLICY_MAX_STEPS\");"


with open(HEADER) as f:
    lines = list(checks(f.read()))
source = os.path.join(WORK, "header.c")
with open(source, "w") as f:
    f.write("#include <pi0.h>\n" + "\n".join(lines) + "\n")
ran = subprocess.run([CC, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", os.path.dirname(HEADER),
                      "-fsyntax-only", source])
print(f"{len(library.STRUCTS)} structs, {len(library.PROTOTYPES)} functions, {len(lines)} checks")
sys.exit(ran.returncode)

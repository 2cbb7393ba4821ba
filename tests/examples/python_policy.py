# SPDX-License-Identifier: Apache-2.0
"""python_policy.py PI0 ROOT WORK - the Python package beside the command PI0: the same bits for the
golden observations, nothing copied that lies well, errors by name, threads. Ends with status 1 and a
list if something was wrong."""
import gc
import importlib.metadata
import logging
import os
import subprocess
import sys
import threading
import time

import numpy as np
from openpi_client import action_chunk_broker
from openpi_client import msgpack_numpy
from PIL import Image

import pi0
from pi0 import _observation

PI0, ROOT, WORK = sys.argv[1:4]
GOLDEN = os.path.join(ROOT, "tests/golden/openpi")
TOKENIZER = os.path.join(GOLDEN, "tokenizer.model")
PLACE = os.path.join(ROOT, "demo/place")
CASES = ["pi05_aloha", "pi0_aloha_sim", "pi05_droid", "pi0_droid", "pi05_libero", "pi0_libero"]
wrong = []


def check(name, good, found=""):
    print(("ok " if good else "FAILED ") + name + ("" if good else f": {found}"), flush=True)
    if not good:
        wrong.append(name)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def raised(call):
    """What is raised; None: nothing."""
    try:
        call()
    except Exception as e:
        return e
    return None


def refused(name, kind, words, call):
    e = raised(call)
    check(name, type(e) is kind and all(w in str(e) for w in words), repr(e))


def command(*options):
    """The actions of `pi0 infer`. (One thread, here as there: the bits are the same for any number, and
    a busy machine is kinder to one.)"""
    out = os.path.join(WORK, "actions.npy")
    subprocess.run([PI0, "infer", "--out", out, "--threads", "1", *options], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, cwd=ROOT)
    return np.load(out)


def of_case(case):
    path = os.path.join(GOLDEN, case, "observation.msgpack")
    with open(path, "rb") as f:
        obs = msgpack_numpy.unpackb(f.read())
    return obs, ["--model", os.path.join(GOLDEN, case), "--config", case, "--tokenizer", TOKENIZER,
                 "--observation", path]


def policy_of(case, **options):
    return pi0.Policy(os.path.join(GOLDEN, case), config=case, tokenizer=TOKENIZER, threads=1, **options)


def place(**options):
    return pi0.Policy(PLACE, threads=1, **options)


# ---- the same bits as the command ----------------------------------------------------------------
def golden(case):
    obs, options = of_case(case)
    before = msgpack_numpy.packb(obs)
    policy = policy_of(case)
    result = policy.infer(obs)
    expected = command(*options)
    check(f"{case}: actions as pi0 infer's", same(result["actions"], expected), result["actions"])
    check(f"{case}: keys", set(result) == {"actions", "policy_timing"} and
          set(result["policy_timing"]) == {"infer_ms"} and result["policy_timing"]["infer_ms"] > 0, result)
    check(f"{case}: the observation is as it was", msgpack_numpy.packb(obs) == before)
    check(f"{case}: the next chunk is another one", not np.array_equal(policy.infer(obs)["actions"], expected))
    policy.seed(0)
    check(f"{case}: the seed again", same(policy.infer(obs)["actions"], expected))

    noise = np.random.default_rng(5).standard_normal((len(expected), 32)).astype(np.float32)
    np.save(os.path.join(WORK, "noise.npy"), noise)
    with_noise = command(*options, "--noise", os.path.join(WORK, "noise.npy"))
    check(f"{case}: noise", same(policy.infer(obs, noise=noise)["actions"], with_noise))
    check(f"{case}: noise of a batch of one", same(policy.infer(obs, noise=noise[None])["actions"], with_noise))
    other = policy_of(case, seed=7, num_steps=3)
    check(f"{case}: seed and steps", same(other.infer(obs)["actions"], command(*options, "--seed", "7", "--steps", "3")))
    check(f"{case}: metadata", policy.metadata == ({"reset_pose": [0, -1.5, 1.5, 0, 0, 0]}
                                                   if case == "pi05_aloha" else {}), policy.metadata)


def place_observation():
    return {"observation.images.top": np.array(Image.open(os.path.join(ROOT, "demo/images/scene1.png")).convert("RGB")),
            "observation.state": np.array([0.842927, 0.558296, 0]),
            "prompt": "put the red block in the bowl"}


def lerobot():
    expected = command("--model", PLACE, "--observation", os.path.join(ROOT, "demo/images/scene1.json"))
    check("demo/place: actions as pi0 infer's", same(place().infer(place_observation())["actions"], expected))


# ---- where the numbers lie -----------------------------------------------------------------------
def lies(policy, obs, array, state=False):
    """Whether the library is shown the array's own memory."""
    struct = _observation.Packed(obs, policy._robot).struct
    given = struct.states[0].values if state else struct.images[0]
    address = np.ctypeslib.as_array(given, (1,)).ctypes.data if state else given.rgb
    return address == array.ctypes.data


def zero_copy():
    policy, obs = place(), place_observation()
    picture, key = obs["observation.images.top"], "observation.images.top"

    def actions(array):
        policy.seed(0)
        return policy.infer({**obs, key: array})["actions"]

    expected = actions(picture)
    check("a picture is read where it is", lies(policy, obs, picture))
    check("a vector is read where it is", lies(policy, obs, obs["observation.state"], state=True))
    large = np.zeros((300, 320, 3), np.uint8)
    large[10:234, 20:244] = picture
    crop = large[10:234, 20:244]
    check("a cropped picture is read where it is", lies(policy, {**obs, key: crop}, crop))
    check("a cropped picture gives the same", same(actions(crop), expected))
    single = obs["observation.state"].astype(np.float32)
    check("a vector of f32 is converted", not lies(policy, {**obs, "observation.state": single}, single, state=True))
    fortran = np.asfortranarray(picture)
    check("a picture in another order is copied", not lies(policy, {**obs, key: fortran}, fortran))
    check("it gives the same", same(actions(fortran), expected))
    turned = np.ascontiguousarray(picture[::-1, ::-1])[::-1, ::-1]
    check("a turned picture gives the same", same(actions(turned), expected))
    single = picture.astype(np.float32) / 255
    check("a picture of f32 is read where it is", lies(policy, {**obs, key: single}, single))
    check("f32 and f64 give the same", same(actions(single), actions(single.astype(np.float64))))

    # planes of colours, as ALOHA has them
    aloha = policy_of("pi0_aloha_sim")
    seen, _ = of_case("pi0_aloha_sim")
    planes = np.array(seen["images"]["cam_high"])
    check("planes are read where they are", lies(aloha, {**seen, "images": {"cam_high": planes}}, planes))
    expected = aloha.infer(seen)["actions"]
    aloha.seed(0)
    as_floats = {k: np.asarray(v, np.float64) / 255 for k, v in seen["images"].items()}
    # openpi: (255 * x).astype(uint8)
    cut = {k: (255 * v).astype(np.uint8) for k, v in as_floats.items()}
    result = aloha.infer({**seen, "images": as_floats})["actions"]
    aloha.seed(0)
    check("floats are cut as openpi cuts them", same(result, aloha.infer({**seen, "images": cut})["actions"]))


def keys():
    """Maps in maps and keys with slashes are the same."""
    obs, _ = of_case("pi05_droid")
    nested: dict = {"prompt": obs["prompt"], "observation": {}}
    for k, v in obs.items():
        if k.startswith("observation/"):
            nested["observation"][k[12:]] = v
    policy = policy_of("pi05_droid")
    expected = policy.infer(obs)["actions"]
    policy.seed(0)
    check("maps in maps", same(policy.infer(nested)["actions"], expected))
    policy.seed(0)
    texts = {**obs, "prompt": np.array([obs["prompt"]])}
    check("a text in an array", same(policy.infer(texts)["actions"], expected))
    refused("a key twice", pi0.InvalidArgument, ["observation/exterior_image_1_left", "twice"],
            lambda: policy.infer({**obs, **nested}))


# ---- errors --------------------------------------------------------------------------------------
def errors():
    policy, obs = place(), place_observation()
    key, state = "observation.images.top", "observation.state"

    def without(name):
        return {k: v for k, v in obs.items() if k != name}

    def infer(**change):
        return lambda: policy.infer({**obs, **{k.replace("__", "."): v for k, v in change.items()}})

    bad = pi0.InvalidArgument
    for shape in [(224, 224), (224, 224, 4), (0, 224, 3), (1, 224, 224, 3)]:
        refused(f"a picture of {shape}", bad, [key, str(shape)],
                infer(observation__images__top=np.zeros(shape, np.uint8)))
    refused("a picture of planes", bad, [key, "transpose"],
            infer(observation__images__top=np.zeros((3, 224, 224), np.uint8)))
    refused("a picture of int64", bad, [key, "int64"],
            infer(observation__images__top=np.zeros((224, 224, 3), np.int64)))
    refused("a state of four values", bad, [state, "4", "3"], infer(observation__state=np.zeros(4)))
    refused("a state of two dimensions", bad, [state, "(1, 3)"], infer(observation__state=np.zeros((1, 3))))
    refused("a state that is not finite", bad, [state], infer(observation__state=np.array([0, np.nan, 0])))
    refused("a state of texts", bad, [state], infer(observation__state=["a", "b", "c"]))
    refused("no state", bad, [state], lambda: policy.infer(without(state)))
    refused("no picture", bad, [key], lambda: policy.infer(without(key)))
    refused("no prompt", bad, ["prompt"], lambda: policy.infer(without("prompt")))
    refused("a prompt that is none", bad, ["prompt"], infer(prompt=3))
    refused("a picture that nobody knows", bad, ["observation.images.side"],
            infer(observation__images__side=np.zeros((8, 8, 3), np.uint8)))
    refused("noise of another shape", bad, ["noise", "(3, 32)", "(16, 32)"],
            lambda: policy.infer(obs, noise=np.zeros((3, 32), np.float32)))
    e = raised(lambda: pi0.Model("no such folder"))
    check("no such folder", type(e) is pi0.Error and e.code == -3 and "no such folder" in str(e), repr(e))
    refused("a config that nobody knows", bad, ["pi05_droid"],
            lambda: pi0.Model(os.path.join(GOLDEN, "pi05_droid"), config="pi05_driod", tokenizer=TOKENIZER))
    refused("an openpi folder without a config", bad, ["config"],
            lambda: pi0.Model(os.path.join(GOLDEN, "pi05_droid"), tokenizer=TOKENIZER))
    refused("options of a model that is there", TypeError, ["backend"],
            lambda: pi0.Policy(pi0.Model(PLACE), backend="cpu"))
    check("InvalidArgument is a ValueError", issubclass(bad, ValueError))
    check("the policy works on", policy.infer(obs)["actions"].shape == (16, 3))
    policy.close()
    policy.close()
    policy.cancel()
    refused("closed", bad, ["closed"], lambda: policy.infer(obs))
    refused("floats above 1", bad, ["images/cam_high", "0 to 1"], lambda: policy_of("pi0_aloha_sim").infer(
        {"images": {"cam_high": np.full((3, 8, 8), 2.0)}, "state": np.zeros(14), "prompt": "x"}))


def messages():
    """A warning of the library comes to the logger."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logging.getLogger("pi0").addHandler(handler)
    obs, _ = of_case("pi05_libero")
    policy_of("pi05_libero").infer({**obs, "observation/image": np.zeros((16, 16, 3), np.float32)})
    logging.getLogger("pi0").removeHandler(handler)
    check("a warning", any(r.levelno == logging.WARNING and "observation/image" in r.getMessage() for r in records),
          [r.getMessage() for r in records])


# ---- threads, lives --------------------------------------------------------------------------------
def threads():
    model, obs = pi0.Model(PLACE), place_observation()
    expected = pi0.Policy(model, threads=1).infer(obs)["actions"]
    results = {}

    def work(i):
        results[i] = pi0.Policy(model, threads=1).infer(obs)["actions"]

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    check("4 policies of one model at once", len(results) == 4 and all(same(r, expected) for r in results.values()))

    # a call of many steps is stopped from outside, which needs the GIL that it has let go of
    long = pi0.Policy(model, threads=1, num_steps=1024)
    seen = []
    worker = threading.Thread(target=lambda: seen.append(raised(lambda: [long.infer(obs) for _ in range(1000)])))
    worker.start()
    while worker.is_alive():
        long.cancel()
        time.sleep(0.001)
    check("cancel() from another thread", len(seen) == 1 and type(seen[0]) is pi0.Canceled, seen)
    check("it works on", long.infer(obs)["actions"].shape == (16, 3))


def lives():
    obs = place_observation()
    model = pi0.Model(PLACE)
    policy = pi0.Policy(model, threads=1)
    del model
    gc.collect()
    check("a policy keeps its model", policy.infer(obs)["actions"].shape == (16, 3))
    # both in a circle, which the garbage collector takes apart in any order
    policy.circle = [policy]
    del policy
    gc.collect()
    with place() as other:
        actions = other.infer(obs)["actions"]
    check("actions outlive their policy", actions.shape == (16, 3) and np.isfinite(actions).all())


def broker():
    policy, obs = place(), place_observation()
    expected = place().infer(obs)["actions"]
    b = action_chunk_broker.ActionChunkBroker(policy, action_horizon=4)
    check("openpi's ActionChunkBroker", all(same(np.asarray(b.infer(obs)["actions"]), expected[k]) for k in range(4)))
    b.reset()


check("the package has the library's version", pi0.__version__ == pi0.library_version() ==
      importlib.metadata.version("pi0"), pi0.__version__)
for case in CASES:
    golden(case)
for test in [lerobot, zero_copy, keys, errors, messages, threads, lives, broker]:
    test()
print(f"libpi0 {pi0.library_version()} at {pi0.library_path()}; {len(wrong)} wrong")
for name in wrong:
    print("  " + name)
sys.exit(bool(wrong))

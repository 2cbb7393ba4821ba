# SPDX-License-Identifier: Apache-2.0
"""Trains a small π0 for the tabletop on a CPU, with LeRobot's own network and loss, and writes the
folder that LeRobot's `save_pretrained` writes (and the tokenizer beside it): `pi0 demo --model` and
every other subcommand runs it, and so does LeRobot.

The state of a training lies in FOLDER.training. Stopped, by Ctrl-C or worse, it goes on from there
when it is started again; FOLDER appears when it is whole.

The learning rate falls along a cosine over the whole training, whose length is in minutes, as a
machine has them, or in steps (--steps): these make the same weights each time for the same seed and
number of threads.
"""

import argparse
import dataclasses
import math
import os
import pathlib
import shutil
import signal
import sys
import time
from unittest import mock

import numpy as np
import torch
import transformers
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.pretrained import PreTrainedPolicy
from safetensors.torch import load_file

from oracle.policy import load, tokenizer
from train_demo.loss import PATCHES, Batch, check, flow_loss
from train_demo.network import new_policy
from train_demo.tabletop import TASKS, Scene

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKENS = ROOT / "demo" / "place"
MINUTES = {"reach": 9.0, "place": 24.0}  # what the first policies took, on 2 cores
FULL_FROM = {"reach": 0.85, "place": 0.75}
WARM_UP = 100  # steps
SAVE_EVERY = 60  # seconds

Stats = dict[str, dict[str, torch.Tensor]]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What makes a training what it is; one that is resumed must have the same."""

    task: str
    minutes: float  # of work; 0: by steps
    steps: int
    pictures: int
    sentences: int
    draws: int
    rate: float
    keep: int
    full_from: float
    seed: int
    start: str  # folder of the policy to go on from; "": a new one


class Examples:
    """Batches of scenes along noisy runs of the expert."""

    def __init__(
        self, task: str, rng: np.random.Generator, tokens: pathlib.Path, stats: Stats | None
    ) -> None:
        self.task, self.rng, self.tokens, self.words = task, rng, tokens, tokenizer(tokens)
        self.stats = stats or self.statistics(3000)

    def statistics(self, scenes: int) -> Stats:
        """Mean, deviation, least and largest of state and action."""
        states, chunks = [], []
        for _ in range(scenes):
            scene = Scene.random(self.rng, self.task)
            block = scene.wander(self.rng)
            states.append(scene.state())
            chunks.append(scene.chunk(block))
        kinds = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max}
        return {
            key: {k: torch.tensor(f(x, 0), dtype=torch.float32) for k, f in kinds.items()}
            for key, x in (
                ("observation.state", np.stack(states)),
                ("action", np.concatenate(chunks)),
            )
        }

    def normalised(self, key: str, values: list[np.ndarray]) -> torch.Tensor:
        """As LeRobot's processor does it."""
        stats = self.stats[key]
        x = torch.tensor(np.stack(values), dtype=torch.float32)
        return (x - stats["mean"]) / (stats["std"] + 1e-8)

    def batch(self, pictures: int, sentences: int, rng: np.random.Generator | None = None) -> Batch:
        """New scenes; the sentence for the block of the run is always among a picture's."""
        rng = rng or self.rng
        scenes = [Scene.random(rng, self.task) for _ in range(pictures)]
        asked = []
        for scene in scenes:
            first = scene.wander(rng)
            others = [i for i in rng.permutation(len(scene.blocks)) if i != first]
            asked += [(scene, i) for i in [first, *others][:sentences]]
        frames = torch.from_numpy(np.stack([scene.render() for scene in scenes]))
        return Batch(
            pictures=frames.permute(0, 3, 1, 2).float() / 255,
            tokens=self.words(
                [scene.prompt(i) + "\n" for scene, i in asked], return_tensors="pt"
            ).input_ids,
            state=self.normalised("observation.state", [scene.state() for scene, _ in asked]),
            actions=self.normalised("action", [scene.chunk(i) for scene, i in asked]),
        )


class Training:
    """A policy on its way."""

    def __init__(self, settings: Settings, tokens: pathlib.Path, state: pathlib.Path) -> None:
        self.settings, self.file = settings, state / "state.pt"
        torch.manual_seed(settings.seed)
        self.rng = np.random.default_rng(settings.seed)
        self.policy, stats = new_policy(), None
        if settings.start:
            start = pathlib.Path(settings.start)
            self.policy.load_state_dict(load(start, tokens).policy.state_dict())
            stats = saved_statistics(start)
        self.examples = Examples(settings.task, self.rng, tokens, stats)
        self.optimizer = torch.optim.AdamW(
            self.policy.parameters(), lr=settings.rate, betas=(0.9, 0.95), weight_decay=0.01
        )
        self.step, self.seconds, self.loss = 0, 0.0, math.nan
        self.stopping = False
        if self.file.exists():
            self.restore()

    def save(self) -> None:
        """All that a training needs to go on; the file is whole or not there."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        torch.save(
            {
                "settings": dataclasses.asdict(self.settings),
                "policy": self.policy.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "torch": torch.get_rng_state(),
                "numpy": self.rng.bit_generator.state,
                "progress": (self.step, self.seconds, self.loss),
            },
            part,
        )
        os.replace(part, self.file)

    def restore(self) -> None:
        """Go on from the file."""
        saved = torch.load(self.file, weights_only=True)
        if saved["settings"] != dataclasses.asdict(self.settings):
            raise SystemExit(
                f"{self.file.parent} holds another training, with {saved['settings']}.\n"
                "Give the same options to go on with it, or remove the folder."
            )
        self.policy.load_state_dict(saved["policy"])
        self.optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["torch"])
        self.rng.bit_generator.state = saved["numpy"]
        self.step, self.seconds, self.loss = saved["progress"]
        print(f"goes on from step {self.step}, minute {self.seconds / 60:.1f}", flush=True)

    def part(self) -> float:
        """How much of the training is over."""
        if self.settings.steps:
            return self.step / self.settings.steps
        return self.seconds / 60 / self.settings.minutes

    def advance(self) -> None:
        """One step."""
        s, part = self.settings, self.part()
        rate = s.rate * min(1, (self.step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * part))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        keep = PATCHES if part > s.full_from else s.keep
        batch = self.examples.batch(s.pictures, s.sentences)
        loss = flow_loss(self.policy, batch, s.draws, keep)
        if not math.isfinite(loss.item()):
            raise SystemExit(f"step {self.step}: the loss is {loss.item()}; try a lower --rate")
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        # a mean over some 50 steps
        smooth = 0.02 if self.step > 50 else 1 / self.step
        before = 0.0 if math.isnan(self.loss) else self.loss
        self.loss = before + smooth * (loss.item() - before)

    def stop(self, *_) -> None:
        """After this step: what is saved is never half a step."""
        self.stopping = True

    def run(self) -> None:
        """To the end, or until it is told to stop."""
        self.policy.train()
        saved = self.seconds
        while self.part() < 1 and not self.stopping:
            start = time.monotonic()
            self.advance()
            self.seconds += time.monotonic() - start
            if self.step % 50 == 0:
                self.report()
            if self.seconds - saved > SAVE_EVERY:
                self.save()
                saved = self.seconds

    def report(self) -> None:
        """A line of progress."""
        part = min(1.0, self.part())
        left = self.seconds / 60 * (1 - part) / part
        print(
            f"{100 * part:5.1f} %  step {self.step:5d}  loss {self.loss:.4f}  {left:5.1f} min left",
            flush=True,
        )


def saved_statistics(folder: pathlib.Path) -> Stats:
    """Those of a finished folder: its weights mean something with them alone."""
    (file,) = folder.glob("policy_preprocessor_step_*_normalizer_processor.safetensors")
    stats: Stats = {}
    for name, values in load_file(file).items():
        key, kind = name.rsplit(".", 1)
        stats.setdefault(key, {})[kind] = values
    return stats


def save_folder(
    policy: PreTrainedPolicy, examples: Examples, out: pathlib.Path, bf16: bool
) -> None:
    """The finished folder, whole or not there."""
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    # the processors name PaliGemma's tokenizer, and would fetch it
    words = mock.patch.object(
        transformers.AutoTokenizer, "from_pretrained", return_value=examples.words
    )
    with words:
        before, after = make_pre_post_processors(policy.config, dataset_stats=examples.stats)
    policy.to(torch.bfloat16 if bf16 else torch.float32)
    for piece in (policy, before, after):
        piece.save_pretrained(part)
    shutil.copyfile(examples.tokens / "tokenizer.model", part / "tokenizer.model")
    os.replace(part, out)


def parse() -> argparse.Namespace:
    """The command line, with the task's own defaults."""

    def words(by_task: dict[str, float]) -> str:
        return ", ".join(f"{task} {value:g}" for task, value in by_task.items())

    parser = argparse.ArgumentParser(
        prog="train_demo.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=pathlib.Path, metavar="FOLDER", help="must not be there yet")
    parser.add_argument("--task", default="place", choices=TASKS, help="(default %(default)s)")
    add = parser.add_argument
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, help=f"of training (default {words(MINUTES)})")
    length.add_argument("--steps", type=int, default=0, help="of training, instead of minutes")
    add("--from", dest="start", default="", help="folder of a policy to go on from")
    add("--seed", type=int, default=0, help="(default %(default)s)")
    add("--threads", type=int, default=0, help="of PyTorch (default: its own choice)")
    add("--store", default="f32", choices=("f32", "bf16"), help="weights in the file (%(default)s)")
    add("--tokenizer", type=pathlib.Path, default=TOKENS, help="folder of tokenizer.model")
    add("--pictures", type=int, default=10, help="in a batch (default %(default)s)")
    add("--sentences", type=int, default=3, help="for each picture (default %(default)s)")
    add("--draws", type=int, default=4, help="of noise for each sentence (default %(default)s)")
    add("--rate", type=float, default=1e-3, help="of learning, at first (default %(default)s)")
    add("--keep", type=int, default=80, help="patches of a picture at first (default %(default)s)")
    add("--full-from", type=float, help=f"all patches from here on (default {words(FULL_FROM)})")
    args = parser.parse_args()
    if args.minutes is None:
        args.minutes = 0.0 if args.steps else MINUTES[args.task]
    if args.full_from is None:
        args.full_from = FULL_FROM[args.task]
    if args.out.exists():
        raise SystemExit(f"{args.out} is there already; name another folder, or remove it")
    return args


def main() -> None:
    args = parse()
    if args.threads:
        torch.set_num_threads(args.threads)
    fields = {f.name: getattr(args, f.name) for f in dataclasses.fields(Settings)}
    state = args.out.with_name(args.out.name + ".training")
    training = Training(Settings(**fields), args.tokenizer, state)
    policy, examples = training.policy, training.examples
    length = f"{args.steps} steps" if args.steps else f"{args.minutes:g} minutes"
    size = sum(p.numel() for p in policy.parameters())
    print(f"{args.task}: {size} parameters, {length}, {torch.get_num_threads()} threads")
    # with generators of its own: the training's examples stay the same
    with torch.random.fork_rng():
        ours, theirs = check(policy, examples.batch(2, 1, np.random.default_rng(args.seed)))
    print(f"loss {ours:.6f}, LeRobot's for the same draws {theirs:.6f}", flush=True)
    signal.signal(signal.SIGINT, training.stop)
    signal.signal(signal.SIGTERM, training.stop)
    training.run()
    training.report()
    training.save()
    if training.part() < 1:
        sys.exit(f"stopped at step {training.step}; the same command goes on from here")
    save_folder(policy.eval(), examples, args.out, args.store == "bf16")
    shutil.rmtree(state)
    print(f"{args.out}: {training.step} steps in {training.seconds / 60:.1f} minutes")


if __name__ == "__main__":
    main()

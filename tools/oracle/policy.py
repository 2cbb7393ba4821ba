# SPDX-License-Identifier: Apache-2.0
"""LeRobot's own π0 and π0.5 policies from a folder that `save_pretrained` wrote, of any sizes.

LeRobot builds networks of the published sizes only. Here the sizes come from the checkpoint's
tensors, as libpi0 takes them, and are put where LeRobot asks for them; nothing else is changed.
"""

import contextlib
import importlib
import io
import json
import logging
import pathlib
import tempfile
import types
from collections.abc import Iterator
from dataclasses import dataclass
from unittest import mock

import sentencepiece
import torch
import transformers
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.policies.utils import prepare_observation_for_inference
from lerobot.processor import PolicyProcessorPipeline
from safetensors import safe_open

HEADS = 8  # query heads of both Gemma stacks, on one key and value head
VLM = "model.paligemma_with_expert.paligemma."
EXPERT = "model.paligemma_with_expert.gemma_expert.model."


@dataclass(frozen=True)
class Sizes:
    """What the published networks have in common with smaller ones is not here."""

    vision_width: int
    vision_mlp: int
    vision_layers: int
    language_width: int
    language_mlp: int
    expert_width: int
    expert_mlp: int
    layers: int
    head: int
    vocabulary: int


def sizes_of(checkpoint: pathlib.Path) -> Sizes:
    """The sizes of a checkpoint, from the shapes of its tensors."""
    with safe_open(checkpoint / "model.safetensors", framework="pt") as file:
        names = list(file.keys())

        def shape(name: str) -> list[int]:
            return file.get_slice(name).get_shape()

        def layers(start: str) -> int:
            return 1 + max(
                int(n.removeprefix(start).split(".")[0]) for n in names if n.startswith(start)
            )

        vision, language = VLM + "model.vision_tower.vision_model.", VLM + "model.language_model."
        tables = (language + "embed_tokens.weight", VLM + "lm_head.weight")
        table = next(name for name in tables if name in names)
        vision_mlp, vision_width = shape(vision + "encoder.layers.0.mlp.fc1.weight")
        language_mlp, language_width = shape(language + "layers.0.mlp.gate_proj.weight")
        expert_mlp, expert_width = shape(EXPERT + "layers.0.mlp.gate_proj.weight")
        return Sizes(
            vision_width=vision_width,
            vision_mlp=vision_mlp,
            vision_layers=layers(vision + "encoder.layers."),
            language_width=language_width,
            language_mlp=language_mlp,
            expert_width=expert_width,
            expert_mlp=expert_mlp,
            layers=layers(language + "layers."),
            head=shape(language + "layers.0.self_attn.k_proj.weight")[0],
            vocabulary=shape(table)[0],
        )


def modeling(kind: str) -> types.ModuleType:
    """LeRobot's module with the network of "pi0" or "pi05"."""
    return importlib.import_module(f"lerobot.policies.{kind}.modeling_{kind}")


@contextlib.contextmanager
def sized(kind: str, sizes: Sizes) -> Iterator[types.ModuleType]:
    """Within this, the policies that LeRobot builds have these sizes."""
    module = modeling(kind)
    vlm_class = module.PaliGemmaForConditionalGenerationWithPiGemma
    expert_class = module.PiGemmaForCausalLM

    def gemma_config(variant: str):
        expert = variant == "gemma_300m"
        return module.GemmaConfig(
            width=sizes.expert_width if expert else sizes.language_width,
            mlp_dim=sizes.expert_mlp if expert else sizes.language_mlp,
            depth=sizes.layers,
            num_heads=HEADS,
            num_kv_heads=1,
            head_dim=sizes.head,
        )

    def vlm(config):
        config.vision_config.hidden_size = sizes.vision_width
        config.vision_config.intermediate_size = sizes.vision_mlp
        config.vision_config.num_hidden_layers = sizes.vision_layers
        config.vision_config.projection_dim = config.projection_dim = sizes.language_width
        config._vocab_size = config.image_token_index = sizes.vocabulary
        config.text_config.vocab_size = sizes.vocabulary
        return vlm_class(config=config)

    def expert(config):
        config.vocab_size = sizes.vocabulary
        return expert_class(config=config)

    with (
        mock.patch.object(module, "get_gemma_config", gemma_config),
        mock.patch.object(module, vlm_class.__name__, vlm),
        mock.patch.object(module, expert_class.__name__, expert),
    ):
        yield module


def tokenizer(folder: pathlib.Path):
    """The tokenizer of a folder with tokenizer.model, with the options of Gemma's."""
    model = folder / "tokenizer.model"
    if not model.is_file():
        raise SystemExit(f"{model} is not there; name the folder with --tokenizer")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    options = {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True, "add_eos_token": False}
    for kind in ("bos", "eos", "pad", "unk"):
        options[f"{kind}_token"] = pieces.id_to_piece(getattr(pieces, f"{kind}_id")())
    with tempfile.TemporaryDirectory() as own:
        (pathlib.Path(own) / "tokenizer.model").symlink_to(model.resolve())
        (pathlib.Path(own) / "tokenizer_config.json").write_text(json.dumps(options))
        return transformers.AutoTokenizer.from_pretrained(own)


@dataclass
class Loaded:
    """A policy with its processors."""

    policy: PreTrainedPolicy
    preprocess: PolicyProcessorPipeline
    postprocess: PolicyProcessorPipeline

    def batch(self, images: dict, state, task: str) -> dict:
        """What enters the policy for one raw observation: u8 [rows, columns, 3], numbers, words."""
        raw = {**images, "observation.state": state}
        frame = prepare_observation_for_inference(dict(raw), torch.device("cpu"), task)
        return self.preprocess(frame)


def load(checkpoint: pathlib.Path, tokens: pathlib.Path | None = None) -> Loaded:
    """Policy and processors of a folder. The tokenizer: of `tokens`, else of the folder itself."""
    if not (checkpoint / "model.safetensors").is_file():
        raise SystemExit(f"{checkpoint} has no model.safetensors: not a folder of save_pretrained")
    config = PreTrainedConfig.from_pretrained(checkpoint, local_files_only=True)
    config.device, config.compile_model = "cpu", False
    with sized(config.type, sizes_of(checkpoint)) as module:
        policy_class = getattr(module, f"{config.type.upper()}Policy")
        # it tells on stdout what it does, also that it failed, and warns of names that are right
        logging.disable(logging.WARNING)
        with contextlib.redirect_stdout(io.StringIO()) as told:
            policy = policy_class.from_pretrained(checkpoint, config=config, local_files_only=True)
        logging.disable(logging.NOTSET)
    require_weights(policy, checkpoint, told.getvalue())
    before, after = make_pre_post_processors(
        config,
        pretrained_path=str(checkpoint),
        preprocessor_overrides={
            "tokenizer_processor": {"tokenizer": tokenizer(tokens or checkpoint)},
            "device_processor": {"device": "cpu"},
        },
        postprocessor_overrides={"device_processor": {"device": "cpu"}},
    )
    return Loaded(policy.eval(), before, after)


def require_weights(policy: PreTrainedPolicy, checkpoint: pathlib.Path, told: str) -> None:
    """LeRobot goes on with random weights where it cannot load: hold them against the file."""
    have = policy.state_dict()
    with safe_open(checkpoint / "model.safetensors", framework="pt") as file:
        for name in list(file.keys()):
            stored = file.get_tensor(name)
            if name not in have or not torch.equal(have[name], stored.to(have[name])):
                raise SystemExit(f"{checkpoint}: LeRobot did not load {name}. It says:\n{told}")

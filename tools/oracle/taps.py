# SPDX-License-Identifier: Apache-2.0
"""Named stages of LeRobot's network, recorded while it runs.

Names are those of the taps in include/pi0.h behind "taps.", layouts those of the reference
implementations: the prefix with its padding and absent cameras (`taps.prefix.pad_mask` tells which
rows count), cameras numbered with the absent ones, π0's state row before the rows of actions.
"""

import contextlib
from collections.abc import Iterator

import torch
from lerobot.policies.pretrained import PreTrainedPolicy


class Recorder:
    """Watches one call of `predict_action_chunk` for one observation."""

    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self.camera = -1  # the one that the vision tower is at
        self.step = -1  # of denoising

    def take(self, name: str, value: torch.Tensor) -> None:
        """Keep a copy, without the batch's dimension of 1."""
        value = value.detach()
        if value.ndim > 1:
            if value.shape[0] != 1:
                raise ValueError(f"{name}: a batch of {value.shape[0]}, expected one observation")
            value = value[0]
        self.tensors["taps." + name] = value.clone().contiguous()


def watch_vision(rec: Recorder, network) -> list:
    """Hooks on SigLIP: embeddings, each layer after its attention and as a whole."""
    tower = network.paligemma.model.vision_tower
    tower = getattr(tower, "vision_model", tower)

    def enter(*_) -> None:
        rec.camera += 1

    def embeddings(_module, _args, out) -> None:
        rec.take(f"vision.{rec.camera}.embeddings", out)

    hooks = [
        tower.register_forward_pre_hook(enter),
        tower.embeddings.register_forward_hook(embeddings),
    ]
    for i, layer in enumerate(tower.encoder.layers):

        def attention(_module, args, i=i) -> None:
            rec.take(f"vision.{rec.camera}.L{i:02d}.attention", args[0])

        def whole(_module, _args, out, i=i) -> None:
            out = out[0] if isinstance(out, tuple) else out
            rec.take(f"vision.{rec.camera}.L{i:02d}", out)

        hooks.append(layer.layer_norm2.register_forward_pre_hook(attention))
        hooks.append(layer.register_forward_hook(whole))
    return hooks


def watch_layers(rec: Recorder, network) -> list:
    """Hooks on the two Gemma stacks: each layer after its attention and as a whole."""
    hooks = []
    for i, layer in enumerate(network.paligemma.model.language_model.layers):

        def prefix_attention(_module, args, i=i) -> None:
            rec.take(f"prefix.L{i:02d}.attention", args[0])

        def prefix(_module, _args, out, i=i) -> None:
            rec.take(f"prefix.L{i:02d}.out", out)

        hooks.append(layer.post_attention_layernorm.register_forward_pre_hook(prefix_attention))
        hooks.append(layer.register_forward_hook(prefix))
    for i, layer in enumerate(network.gemma_expert.model.layers):

        def expert_attention(_module, args, i=i) -> None:
            rec.take(f"step{rec.step}.expert.L{i:02d}.attention", args[0])

        def expert(_module, _args, out, i=i) -> None:
            rec.take(f"step{rec.step}.expert.L{i:02d}", out)

        hooks.append(layer.post_attention_layernorm.register_forward_pre_hook(expert_attention))
        hooks.append(layer.register_forward_hook(expert))
    return hooks


def watch_ends(rec: Recorder, model) -> list:
    """Hooks on the linear layers before and after the expert."""

    def action_in(_module, _args, out) -> None:
        rec.take(f"step{rec.step}.action_in", out)

    def norm(_module, args) -> None:
        rec.take(f"step{rec.step}.norm", args[0])

    return [
        model.action_in_proj.register_forward_hook(action_in),
        model.action_out_proj.register_forward_pre_hook(norm),
    ]


def watch_functions(rec: Recorder, model) -> dict:
    """Functions around those of the network that are no modules: name to the new one."""
    network = model.paligemma_with_expert
    embed_image, embed_prefix = network.embed_image, model.embed_prefix
    embed_suffix, denoise_step, forward = model.embed_suffix, model.denoise_step, network.forward
    sample_actions = model.sample_actions

    def image(*args):
        out = embed_image(*args)
        rec.take(f"vision.{rec.camera}.tokens", out)
        return out

    def prefix(*args):
        out = embed_prefix(*args)
        rec.take("prefix.embeddings", out[0])
        rec.take("prefix.pad_mask", out[1])
        return out

    def stacks(*args, **named):
        out = forward(*args, **named)
        # keys and values are [1][1][rows][head]; the suffix' are appended to the prefix'
        cache = out[1] if rec.step < 0 else named["past_key_values"]
        stack = "prefix" if rec.step < 0 else f"step{rec.step}.expert"
        rows = 0 if rec.step < 0 else named["inputs_embeds"][1].shape[1]
        for i, (keys, values, *_) in enumerate(cache):
            rec.take(f"{stack}.L{i:02d}.k", keys[0, :, -rows:])
            rec.take(f"{stack}.L{i:02d}.v", values[0, :, -rows:])
        return out

    def suffix(*args):
        out = embed_suffix(*args)
        name = "suffix" if rec.step == 0 else f"step{rec.step}"
        rec.take(f"{name}.embeddings", out[0])
        if out[3] is not None:  # π0.5: the condition of the norms
            rec.take(f"{name}.cond", out[3].unsqueeze(0))
        return out

    def denoise(**named):
        rec.step += 1
        rec.take(f"step{rec.step}.x", named["x_t"])
        rec.take(f"step{rec.step}.t", named["timestep"])
        out = denoise_step(**named)
        rec.take(f"step{rec.step}.v", out)
        return out

    def actions(*args, **named):
        out = sample_actions(*args, **named)
        rec.take("actions", out)
        return out

    return {
        (network, "embed_image"): image,
        (model, "embed_prefix"): prefix,
        (network, "forward"): stacks,
        (model, "embed_suffix"): suffix,
        (model, "denoise_step"): denoise,
        (model, "sample_actions"): actions,
    }


@contextlib.contextmanager
def record(policy: PreTrainedPolicy) -> Iterator[dict[str, torch.Tensor]]:
    """Within this, one `predict_action_chunk` fills the dictionary."""
    rec = Recorder()
    network = policy.model.paligemma_with_expert
    hooks = watch_vision(rec, network) + watch_layers(rec, network) + watch_ends(rec, policy.model)
    functions = watch_functions(rec, policy.model)
    for (owner, name), function in functions.items():
        setattr(owner, name, function)
    try:
        yield rec.tensors
    finally:
        for hook in hooks:
            hook.remove()
        for owner, name in functions:
            delattr(owner, name)

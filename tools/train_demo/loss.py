# SPDX-License-Identifier: Apache-2.0
"""The loss of `PI0Policy.forward`, cheaper: the same sum over a batch in which one picture serves
several sentences and one prefix several draws of noise and time.

Three things make it cheap, none of which changes what is learnt: keys and values of a prefix are
made once for all draws, which a mask keeps apart; there is no padding; the last layer of the prefix
makes keys and values only, for nothing else of it is used. A fourth does, and is for the first part
of a training only: SigLIP sees the patches of most contrast (`keep`), with their own positions.
"""

import math
from dataclasses import dataclass
from unittest import mock

import torch
import torch.nn.functional as F
from lerobot.policies.pretrained import PreTrainedPolicy

from oracle.policy import HEADS
from train_demo.network import ACTION, CAMERA

PATCH = 14
PATCHES = 256


@dataclass
class Batch:
    """`Q` sentences a picture, the sentences of one picture one after another."""

    pictures: torch.Tensor  # [N][3][224][224], 0 to 1
    tokens: torch.Tensor  # [N Q][tokens], no padding
    state: torch.Tensor  # [N Q][3], normalised
    actions: torch.Tensor  # [N Q][HORIZON][3], normalised


def split_heads(x: torch.Tensor, n: int) -> torch.Tensor:
    """[B][L][n d] to [B][n][L][d]"""
    return x.view(*x.shape[:2], n, -1).transpose(1, 2)


def attend(q, k, v, mask=None) -> torch.Tensor:
    """All query heads on one key and value head, as more rows of queries. [B][L][heads d]"""
    b, n, rows, d = q.shape
    mask = None if mask is None else mask.repeat(n, 1)
    out = F.scaled_dot_product_attention(q.reshape(b, 1, n * rows, d), k, v, attn_mask=mask)
    return out.view(b, n, rows, d).transpose(1, 2).reshape(b, rows, n * d)


def rotate(x: torch.Tensor, wave: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Rotary positions."""
    half = x.shape[-1] // 2
    return x * wave[0] + torch.cat([-x[..., half:], x[..., :half]], -1) * wave[1]


def residual(layer, x: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """What a layer does after its attention."""
    x = x + layer.self_attn.o_proj(attention)
    return x + layer.mlp(layer.post_attention_layernorm(x)[0])


def both_stacks(network, x, y, x_positions, y_positions, mask) -> torch.Tensor:
    """PaliGemmaWithExpertModel.forward without padding: the prefix x sees itself, the suffix y sees
    the prefix and, by the mask, itself. The suffix' output."""
    language, expert = network.paligemma.model.language_model, network.gemma_expert.model
    x_wave = [wave[:, None] for wave in language.rotary_emb(x, x_positions)]
    y_wave = [wave[:, None] for wave in language.rotary_emb(y, y_positions)]
    mask = torch.cat([torch.ones(mask.shape[0], x.shape[1], dtype=torch.bool), mask], 1)
    mask = torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))
    for i, (a, b) in enumerate(zip(language.layers, expert.layers, strict=True)):
        h, g = a.input_layernorm(x)[0], b.input_layernorm(y)[0]
        keys = rotate(split_heads(a.self_attn.k_proj(h), 1), x_wave)
        values = split_heads(a.self_attn.v_proj(h), 1)
        own_keys = rotate(split_heads(b.self_attn.k_proj(g), 1), y_wave)
        own_values = split_heads(b.self_attn.v_proj(g), 1)
        queries = rotate(split_heads(b.self_attn.q_proj(g), HEADS), y_wave)
        seen = torch.cat([keys, own_keys], 2), torch.cat([values, own_values], 2)
        y = residual(b, y, attend(queries, *seen, mask))
        if i + 1 < len(language.layers):
            queries = rotate(split_heads(a.self_attn.q_proj(h), HEADS), x_wave)
            x = residual(a, x, attend(queries, keys, values))
    return expert.norm(y)[0]


def most_contrast(pictures: torch.Tensor, keep: int) -> torch.Tensor:
    """Which patches of each picture differ most from the table, in order. [N][keep]"""
    patches = F.unfold(pictures, PATCH, stride=PATCH).view(len(pictures), 3, PATCH * PATCH, -1)
    table = pictures[:, :, :1, :1].median(0)[0][None]
    score = ((patches - table).abs() > 0.05).float().mean((1, 2))
    score += torch.rand(score.shape) * 0.02
    return score.topk(keep, 1)[1].sort(1)[0]


def image_tokens(network, pictures: torch.Tensor, keep: int) -> tuple[torch.Tensor, torch.Tensor]:
    """SigLIP and projector: tokens and their positions."""
    tower = network.paligemma.model.vision_tower
    tower = getattr(tower, "vision_model", tower)
    x = tower.embeddings(pictures)
    at = torch.arange(x.shape[1]).expand(x.shape[:2])
    if keep < x.shape[1]:
        at = most_contrast(pictures, keep)
        x = x.gather(1, at[..., None].expand(-1, -1, x.shape[2]))
    x = tower.post_layernorm(tower.encoder(inputs_embeds=x).last_hidden_state)
    return network.paligemma.model.multi_modal_projector(x), at


def flow_loss(
    policy: PreTrainedPolicy,
    batch: Batch,
    draws: int,
    keep: int = PATCHES,
    noise: torch.Tensor | None = None,
    time: torch.Tensor | None = None,
) -> torch.Tensor:
    """The mean over pictures, sentences and `draws` of noise and time for each."""
    model = policy.model
    network = model.paligemma_with_expert
    n = batch.actions.shape[0]
    sentences = n // batch.pictures.shape[0]
    state = policy.prepare_state({"observation.state": batch.state})
    actions = policy.prepare_action({"action": batch.actions})

    # prefix: the same picture for all its sentences
    image, at = image_tokens(network, batch.pictures * 2 - 1, keep)
    words = batch.tokens.shape[1]
    x = torch.cat(
        [image.repeat_interleave(sentences, 0), network.embed_language_tokens(batch.tokens)], 1
    )
    x_positions = torch.cat(
        [at.repeat_interleave(sentences, 0), PATCHES + torch.arange(words).expand(n, -1)], 1
    )

    # suffix: as many as draws, one after another, that do not see each other
    if noise is None:
        noise = model.sample_noise((n * draws, *actions.shape[1:]), "cpu")
    if time is None:
        time = model.sample_time(n * draws, "cpu")
    actions = actions.repeat_interleave(draws, 0)
    t = time[:, None, None]
    noisy = t * noise + (1 - t) * actions
    y, _, steps, _ = model.embed_suffix(state.repeat_interleave(draws, 0), noisy, time)
    rows = y.shape[1]
    order = torch.cumsum(steps[0], 0)
    one = order[None] <= order[:, None]
    y_positions = (PATCHES + words + torch.arange(rows)).repeat(draws).expand(n, -1)
    out = both_stacks(
        network,
        x,
        y.reshape(n, draws * rows, -1),
        x_positions,
        y_positions,
        torch.block_diag(*[one] * draws).bool(),
    )
    velocity = model.action_out_proj(out.reshape(n * draws, rows, -1)[:, 1:])
    return F.mse_loss(velocity, noise - actions, reduction="none")[..., :ACTION].mean()


@torch.no_grad()
def check(policy: PreTrainedPolicy, batch: Batch) -> tuple[float, float]:
    """This loss and LeRobot's, for a batch of one sentence a picture and the same draws."""
    model, n = policy.model, batch.actions.shape[0]
    noise = model.sample_noise((n, batch.actions.shape[1], policy.config.max_action_dim), "cpu")
    time = model.sample_time(n, "cpu")
    with (
        mock.patch.object(model, "sample_noise", return_value=noise),
        mock.patch.object(model, "sample_time", return_value=time),
    ):
        theirs = policy(
            {
                CAMERA: batch.pictures,
                "observation.language.tokens": batch.tokens,
                "observation.language.attention_mask": torch.ones_like(batch.tokens).bool(),
                "observation.state": batch.state,
                "action": batch.actions,
            }
        )[0].item()
    ours = flow_loss(policy, batch, 1, noise=noise, time=time).item()
    if not math.isclose(ours, theirs, rel_tol=1e-4):
        raise SystemExit(f"the loss is {ours}, LeRobot's {theirs}: the two programs do not agree")
    return ours, theirs

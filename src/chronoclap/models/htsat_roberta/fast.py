"""Which towers embed: the fast ones, where they run here and do the same, or transformers' own."""

import copy
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import ClapModel

from chronoclap.models.compute import Compute
from chronoclap.models.htsat_roberta.fast_htsat import FastHtsat
from chronoclap.models.htsat_roberta.fast_roberta import FastRoberta
from chronoclap.models.htsat_roberta.openvino import OpenvinoTower, require_openvino
from chronoclap.models.products import TORCH, products
from chronoclap.models.trial import first_that_agrees

PLAIN = "transformers"
"""Computes the plain towers."""

Hear = Callable[[Tensor], Tensor]
"""(1, frames, mels) log-mel to HTSAT's last map, (1, 2, parts, hidden)."""

Read = Callable[[Tensor, Tensor], Tensor]
"""(b, t) token ids and mask to (b, hidden)."""


class Chosen(NamedTuple):
    """The towers that embed, each with what computes it: "oneDNN", "torch", "OpenVINO" (sounds only), one of
    them "in bfloat16", or "transformers" for its own tower."""

    hear: Hear
    hear_by: str
    read: Read
    read_by: str


@torch.no_grad()
def choose_towers(
    clap: ClapModel, hear: Hear, read: Read, mel_shape: tuple[int, int], compute: Compute
) -> Chosen:
    """The best towers for this machine that give the same vectors on a trial as the plain ones.

    Args:
        clap: whose weights the fast ones take, on the CPU.
        hear, read: the plain towers.
        mel_shape: frames and mels of a window.
        compute: what is asked for; where it cannot be had, or differs too much, the next best is taken.

    Raises:
        ModelError: OpenVINO is asked for and not installed.
    """
    text, audio = clap.config.text_config, clap.config.audio_config
    noise = torch.Generator().manual_seed(0)
    mel = torch.randn(1, *mel_shape, generator=noise) * 15 - 40  # decibels, about as sounds have them
    ids = torch.randint(text.pad_token_id + 1, text.vocab_size, (2, 12), generator=noise)
    ids[0, 8:] = text.pad_token_id
    mask = (ids != text.pad_token_id).long()
    hears: dict[str, Callable[[], Hear]] = {}
    reads: dict[str, Callable[[], Read]] = {}
    half = compute.precision == "bfloat16"
    for way in products(half):
        if audio.hidden_act == "gelu":
            hears[way.name] = partial(FastHtsat, clap, way)
        if text.hidden_act == "gelu":
            reads[way.name] = partial(FastRoberta, clap, way)
    if compute.engine == "openvino":
        require_openvino()
        name = "OpenVINO in bfloat16" if half else "OpenVINO"
        still = copy.deepcopy(clap).requires_grad_(False)  # it takes no weights that could move
        hears = {name: lambda: OpenvinoTower(FastHtsat(still, TORCH), mel, half), **hears}
    heard = first_that_agrees(
        hears, (PLAIN, hear), lambda tower: clap.audio_projection(tower(mel).mean((1, 2)))
    )
    said = first_that_agrees(reads, (PLAIN, read), lambda tower: clap.text_projection(tower(ids, mask)))
    return Chosen(heard[1], heard[0], said[1], said[0])

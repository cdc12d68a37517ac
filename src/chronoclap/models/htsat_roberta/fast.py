"""Which towers embed: the fast ones, where they run here and do the same, or transformers' own."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import ClapModel

from chronoclap.models.htsat_roberta.fast_htsat import FastHtsat
from chronoclap.models.htsat_roberta.fast_roberta import FastRoberta
from chronoclap.models.htsat_roberta.products import ONEDNN, TORCH

TOLERANCE = 1e-5
"""How far any number of a unit vector may be off: ten times what the order of summing makes of it."""

T = TypeVar("T")

Hear = Callable[[Tensor], Tensor]
"""(1, frames, mels) log-mel to HTSAT's last map, (1, 2, parts, hidden)."""

Read = Callable[[Tensor, Tensor], Tensor]
"""(b, t) token ids and mask to (b, hidden)."""


class Chosen(NamedTuple):
    """The towers that embed, each with what multiplies matrices in it: "oneDNN", "torch", or "transformers"
    for its own tower."""

    hear: Hear
    hear_by: str
    read: Read
    read_by: str


@torch.no_grad()
def choose_towers(clap: ClapModel, hear: Hear, read: Read, mel_shape: tuple[int, int]) -> Chosen:
    """The best towers for this machine that give the same vectors on a trial as the plain ones.

    Args:
        clap: whose weights the fast ones take, on the CPU.
        hear, read: the plain towers.
        mel_shape: frames and mels of a window.
    """
    text, audio = clap.config.text_config, clap.config.audio_config
    noise = torch.Generator().manual_seed(0)
    mel = torch.randn(1, *mel_shape, generator=noise) * 15 - 40  # decibels, about as sounds have them
    ids = torch.randint(text.pad_token_id + 1, text.vocab_size, (2, 12), generator=noise)
    ids[0, 8:] = text.pad_token_id
    mask = (ids != text.pad_token_id).long()
    # Not by timing them: another choice on another day would change the last bits of every embedding.
    ways = (ONEDNN, TORCH) if torch.backends.cpu.get_cpu_capability().startswith("AVX512") else (TORCH,)
    hears: dict[str, Callable[[], Hear]] = {}
    reads: dict[str, Callable[[], Read]] = {}
    for way in ways:
        if audio.hidden_act == "gelu":
            hears[way.name] = partial(FastHtsat, clap, way)
        if text.hidden_act == "gelu":
            reads[way.name] = partial(FastRoberta, clap, way)
    heard = first_that_agrees(hears, hear, lambda tower: clap.audio_projection(tower(mel).mean((1, 2))))
    said = first_that_agrees(reads, read, lambda tower: clap.text_projection(tower(ids, mask)))
    return Chosen(heard[1], heard[0], said[1], said[0])


def first_that_agrees(
    makers: dict[str, Callable[[], T]], plain: T, embed: Callable[[T], Tensor]
) -> tuple[str, T]:
    """The first of several towers that runs here and agrees with the plain one, or else that one.

    Args:
        makers: by name, the best first.
        plain: is right.
        embed: what a tower makes of a trial.
    """
    expected = F.normalize(embed(plain), dim=-1)
    for name, make in makers.items():
        try:
            tower = make()
            off = (F.normalize(embed(tower), dim=-1) - expected).abs().max()
        except (RuntimeError, AttributeError, NotImplementedError):
            continue  # this torch, or this machine, does not have the operation
        if off <= TOLERANCE:  # which NaN is not
            return name, tower
    return "transformers", plain

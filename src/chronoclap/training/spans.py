"""Reading lessons for the text tower: where a caption names its events, and in which order they sound.

We write the captions, so we know. A contrastive loss tells the tower no more than that one caption fits and
another does not; what it has to learn first is plain reading, and this teaches it word by word.

Source: ours.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from chronoclap.models.compact import CompactModel
from chronoclap.scenes import Caption

APART = 3.0
"""Temperatures between one event and the next: the affinity of their words is then e^-9."""
SALIENCY_SHARE = 0.3
"""Weight of what words should count against when they should sound."""


def owners(captions: Sequence[Caption], model: CompactModel) -> Tensor:
    """(c, t) int64: the event that each token of `model.tokens` names, counted in order of time; -1: none."""
    encoded = model.tokenizer.encode_batch([caption.text for caption in captions])
    owner = torch.full((len(captions), max((len(e.ids) for e in encoded), default=0)), -1)
    for row, (caption, tokens) in enumerate(zip(captions, encoded, strict=True)):
        for start, end, event in caption.spans:
            for place, (first, last) in enumerate(tokens.offsets):
                if start <= first < last <= end:
                    owner[row, place] = event
    return owner


def span_loss(captions: Sequence[Caption], model: CompactModel, time: Tensor, saliency: Tensor) -> Tensor:
    """How far the tower is from reading captions as they are meant.

    Words of one event, and of events that sound at the same time, should have one time; those of an event
    that sounds later a time at least `APART` later for each event between; words that name no event should
    count little beside those that do.

    Args:
        captions: c captions, at least one.
        model: whose tokens they are.
        time: (c, t) times in temperatures, as `TextTower.read` gives them.
        saliency: (c, t) not negative.

    Returns:
        (c,).
    """
    owner = owners(captions, model).to(time.device)
    named = owner >= 0
    ordered = torch.tensor([caption.claimed == "sequence" for caption in captions], device=time.device)
    later = (owner[:, :, None] - owner[:, None]) * ordered[:, None, None]
    both = named[:, :, None] & named[:, None]
    passed = time[:, :, None] - time[:, None]
    # Each pair of words stands in the table twice; `later > 0` takes it once, the later word first.
    early = (APART * later - passed).clamp_min(0).square()
    wrong_time = _mean(early, both & (later > 0)) + _mean(passed.square(), both & (later == 0))
    counts = saliency / _mean(saliency, named, keepdim=True).clamp_min(1e-6)
    others = ~named & (saliency > 0)
    wrong_count = _mean(counts.clamp_max(10), others) + _mean(counts.clamp_min(1e-3).log().square(), named)
    return wrong_time + SALIENCY_SHARE * wrong_count


def _mean(values: Tensor, chosen: Tensor, keepdim: bool = False) -> Tensor:
    """Mean of the chosen values of each row, 0 where there are none: (c,), or (c, 1)."""
    values, chosen = values.flatten(1), chosen.flatten(1)
    return (values * chosen).sum(1, keepdim=keepdim) / chosen.sum(1, keepdim=keepdim).clamp_min(1)

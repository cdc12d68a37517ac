"""Reading before hearing: lessons for the text tower of a compact model, before any run.

Sound and text learn from each other which comes first. While the tower still reads half of the grammar's
wordings the wrong way round, what is heard is compared with what was not meant; so it is taught to read
first, on captions alone. It is done once: `compact-reader`, from which runs start, is `compact-base` so
taught (`pretraining/teach_reader.py`). A run that teaches to read reads some such captions in every step, or
it would forget what its own do not say. docs/method.md says what it brings.

Source: ours.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from chronoclap.errors import ModelError
from chronoclap.models.compact import CompactModel
from chronoclap.scenes import Caption, Claimed, describe_phrases, held_out_pair
from chronoclap.training.elaborate import elaborate
from chronoclap.training.recipes import Recipe, learning_rate
from chronoclap.training.spans import span_loss
from chronoclap.training.virtual import vocabulary

LESSON = 256
"""Captions of a lesson."""
REHEARSED = 64
"""Captions that a step of a run reads beside its own, so that what was taught is kept."""
TOGETHER = 64
"""Captions read at once, those of like length: what is padded costs as much as what is said."""
RELATIONS: tuple[Claimed, ...] = ("sequence", "single", "overlap", "together")
SHARES = (0.5, 0.5 / 3, 0.5 / 3, 0.5 / 3)
THREES = 1 / 2
"""Share of captions of three events among those of more than one."""
LONGER = 1 / 2
"""Share of captions of events with more words than their names."""


def teach_reading(model: CompactModel, recipe: Recipe, seed: int, *, progress: bool = True) -> None:
    """Teach a model to read what its captions say of time; only what reads moves.

    Args:
        model: changed in place; it must have more than one moment, for else it reads no order.
        recipe: its steps are lessons here; warm-up, learning rate and clipping are as in a run.
        seed: >= 0; of captions.
        progress: show a progress bar.

    Raises:
        ModelError: the model has one moment only.
    """
    reader = model.text.events
    if reader is None:
        raise ModelError("A model of one moment reads no order: call `grow(3)` first.")
    # No dropout: captions are drawn anew for every lesson, so there is nothing to learn by heart.
    model.eval().requires_grad_(False)
    reader.requires_grad_(True)
    moved = list(reader.parameters())
    optimiser = torch.optim.AdamW(moved, lr=recipe.learning_rate, weight_decay=0.0)
    with tqdm(total=recipe.steps, desc="reading", unit="lesson", disable=not progress) as bar:
        for lesson in range(recipe.steps):
            rng = np.random.default_rng([seed, 7, lesson])
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(recipe, lesson)
            captions = sorted(draw(vocabulary(), LESSON, rng), key=lambda said: len(said.text))
            optimiser.zero_grad(set_to_none=True)
            misread = 0.0
            for first in range(0, len(captions), TOGETHER):
                part = captions[first : first + TOGETHER]
                reading = model.text.read(*model.tokens([said.text for said in part]))
                loss = span_loss(part, model, *reading).sum() / len(captions)
                loss.backward()
                misread += loss.item()
            nn.utils.clip_grad_norm_(moved, recipe.clip_norm)
            optimiser.step()
            bar.update()
            bar.set_postfix(spans=f"{misread:.2f}")


def draw(phrases: Sequence[str], count: int, rng: np.random.Generator) -> list[Caption]:
    """Captions of phrases, half of them of sequences, half of them in more words, none of a held-out pair."""
    drawn: list[Caption] = []
    while len(drawn) < count:
        relation = RELATIONS[int(rng.choice(len(RELATIONS), p=SHARES))]
        n = 1 if relation == "single" else 3 if rng.random() < THREES else 2
        known = [phrases[int(i)] for i in rng.choice(len(phrases), 2 * n, replace=False)]
        if any(held_out_pair(one, other) for one, other in combinations(known, 2)):
            continue
        said = describe_phrases(known[:n], relation, int(rng.integers(2**31)))
        drawn.append(elaborate(said, known[:n], known[n:], rng) if rng.random() < LONGER else said)
    return drawn

"""Reading before hearing: lessons that the text tower of a compact model has ahead of a run.

Sound and text learn from each other which comes first. While the tower still reads half of the grammar's
wordings the wrong way round, what is heard is compared with what was not meant; so it is taught to read
first, on captions alone, which costs no sound and little time. docs/method.md says what it brings.

Source: ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from chronoclap.models.compact import CompactModel
from chronoclap.scenes import Caption, Claimed, describe_phrases, held_out_pair
from chronoclap.training.recipes import Recipe, learning_rate
from chronoclap.training.spans import span_loss
from chronoclap.training.virtual import vocabulary

LESSON = 256
"""Captions of a lesson."""
TOGETHER = 64
"""Captions read at once, those of like length: what is padded costs as much as what is said."""
RELATIONS: tuple[Claimed, ...] = ("sequence", "single", "overlap", "together")
SHARES = (0.5, 0.5 / 3, 0.5 / 3, 0.5 / 3)
THREES = 1 / 3
"""Share of captions of three events among those of more than one."""


def read_first(model: CompactModel, recipe: Recipe, seed: int, progress: bool) -> None:
    """Teach a model whose reader starts afresh to read.

    Only what reads moves, and of that what the run trains.

    Args:
        model: changed in place; one without moments reads no order and is left alone.
        recipe: how many lessons, at what learning rate; this rises and falls as it does over steps.
        seed: >= 0; of captions and dropout.
        progress: show a progress bar.
    """
    reader = model.text.events
    if reader is None or not recipe.lessons:
        return
    lessons = replace(recipe, steps=max(1, round(recipe.lessons * recipe.steps)))
    moved = [parameter for parameter in reader.parameters() if parameter.requires_grad]
    if not moved:
        return
    optimiser = torch.optim.AdamW(moved, lr=recipe.learning_rate, weight_decay=0.0)
    with tqdm(total=lessons.steps, desc="reading", unit="lesson", disable=not progress) as bar:
        for lesson in range(lessons.steps):
            rng = np.random.default_rng([seed, 7, lesson])
            torch.manual_seed(int(rng.integers(2**31)))
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(lessons, lesson)
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
    """Captions of phrases, half of them of sequences, none of a held-out pair."""
    drawn: list[Caption] = []
    while len(drawn) < count:
        relation = RELATIONS[int(rng.choice(len(RELATIONS), p=SHARES))]
        n = 1 if relation == "single" else 3 if rng.random() < THREES else 2
        chosen = [phrases[int(i)] for i in rng.choice(len(phrases), n, replace=False)]
        if not any(held_out_pair(one, other) for one, other in combinations(chosen, 2)):
            drawn.append(describe_phrases(chosen, relation, int(rng.integers(2**31))))
    return drawn

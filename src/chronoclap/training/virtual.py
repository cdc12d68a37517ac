"""Virtual events: captions whose sound is put together from the meanings of phrases, without a recording.

A data set names a hundred kinds of sound, language thousands. The order of a caption is a matter of its
words, so the text tower can learn it on any phrase: the audio side of such a row is what an ideal ear would
give, the content of each phrase said alone, placed in event time.
"""

import csv
from functools import cache
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from chronoclap.models.compact import CompactModel
from chronoclap.models.compact.events import event_moments
from chronoclap.scenes import Claimed, Relation, held_out_pair
from chronoclap.training.recipes import Mix

VirtualRow = tuple[tuple[int, ...], Relation, Claimed]
"""Phrase numbers in order of time, how they lie in time, and what is to be said of them."""

RELATIONS: tuple[Relation, ...] = ("sequence", "overlap", "single")


@cache
def vocabulary() -> tuple[str, ...]:
    """Short phrases for kinds of sound, the hand-written list that the package carries."""
    with files("chronoclap.data").joinpath("vocabulary.csv").open(encoding="utf-8") as file:
        return tuple(row["phrase"] for row in csv.DictReader(file))


class VirtualEvents:
    """Draws virtual rows and embeds their ideal sound.

    Args:
        base: an order-blind model whose text content says what each phrase sounds like; not changed.
        seed: which phrases of the vocabulary a run uses.
        count: how many, at most.
    """

    def __init__(self, base: CompactModel, seed: int, count: int = 2000) -> None:
        known = vocabulary()
        chosen = np.random.default_rng([seed, 6]).choice(len(known), min(count, len(known)), replace=False)
        self.phrases = [known[i] for i in chosen]
        with torch.no_grad():
            chunks = [self.phrases[i : i + 256] for i in range(0, len(self.phrases), 256)]
            self.content = torch.cat([base.text(*base.tokens(chunk))[:, 0] for chunk in chunks])

    def draw(
        self, count: int, rng: np.random.Generator, mix: Mix = "pairs", threes: float = 0.0
    ) -> list[VirtualRow]:
        """`count` rows, mixed as the groups of a recipe are; what belongs together stands together, whole."""
        rows: list[VirtualRow] = []
        while len(rows) < count:
            a, b = (int(i) for i in rng.choice(len(self.phrases), 2, replace=False))
            relation = RELATIONS[int(rng.choice(3, p=(0.7, 0.15, 0.15)))]
            if held_out_pair(self.phrases[a], self.phrases[b]):
                continue
            drawn = self._group(a, b, mix, relation)
            if threes and mix == "pairs" and relation == "sequence" and rng.random() < threes:
                c = int(rng.integers(len(self.phrases)))
                if c in (a, b) or any(held_out_pair(self.phrases[c], self.phrases[k]) for k in (a, b)):
                    continue
                drawn = [((a, b, c), relation, relation), ((c, b, a), relation, relation)]
            if len(rows) + len(drawn) <= count:
                rows += drawn
            elif mix != "pairs":
                rows.append(((a,), "single", "single"))
        return rows

    def _group(self, a: int, b: int, mix: Mix, relation: Relation) -> list[VirtualRow]:
        orders: list[VirtualRow] = [((a, b), "sequence", "sequence"), ((b, a), "sequence", "sequence")]
        if mix == "triples":
            return [*orders, ((a, b), "overlap", "overlap")]
        if mix == "combined":
            return [((a,), "single", "single"), ((a, b), "sequence", "together")]
        if relation == "sequence":
            return orders
        return [((a, b) if relation == "overlap" else (a,), relation, relation)]

    def embed(self, rows: list[VirtualRow], model: CompactModel) -> Tensor:
        """The ideal sound of rows as `model` would embed it: (rows, dim) unit vectors."""
        moments = model.config.events.moments
        vectors = [self._moments(numbers, relation, moments) for numbers, relation, _ in rows]
        return model.unit(torch.stack(vectors))

    def _moments(self, numbers: tuple[int, ...], relation: Relation, moments: int) -> Tensor:
        content = self.content[list(numbers)]
        if relation == "overlap":
            # What sounds together is one event to the ear: its content is the mixture.
            content = F.normalize(content.sum(0, keepdim=True), dim=-1)
        parts = len(content)
        time = torch.arange(parts, dtype=torch.float32)[None]
        return event_moments(
            content[None], torch.ones(1, parts), torch.eye(parts)[None], time, torch.tensor(0.01), moments
        )[0]

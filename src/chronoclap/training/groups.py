"""What a run trains on: group g of a run is a pure function of the seed and g.

A group is two scenes. In most groups they are the two orders of one pair of events, from the same excerpts,
so both orders occur as audio equally often and no caption can be guessed from its words.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from chronoclap.errors import DataError
from chronoclap.scenes import Event, Relation, Scene, Sounds, compose, held_out_pair, invert
from chronoclap.training.recipes import Recipe

_TRIES = 1000


class Grouper:
    """Makes the groups of a run.

    Args:
        events: the training events.
        recipe: shares of relations and the layout.
        seed: >= 0.
        sounds: where events are heard.

    Raises:
        DataError: fewer than four classes.
    """

    def __init__(self, events: Sequence[Event], recipe: Recipe, seed: int, sounds: Sounds) -> None:
        self.recipe = recipe
        self.seed = seed
        self.sounds = sounds
        self.by_class: dict[str, list[Event]] = defaultdict(list)
        for event in sorted(events, key=lambda event: event.phrase):
            self.by_class[event.phrase].append(event)
        if len(self.by_class) < 4:
            raise DataError(
                f"Training needs at least 4 classes of events, the data has {len(self.by_class)}."
            )
        # Between drawing classes and drawing recordings equally often: rare classes count, common ones teach.
        size = np.array([len(recordings) for recordings in self.by_class.values()]) ** 0.5
        self.share = size / size.sum()

    def plan(self, index: int) -> list[tuple[list[Event], Relation]]:
        """What sounds in the two scenes of group `index` >= 0, in order of time; no recording is opened."""
        rng = np.random.default_rng([self.seed, 1, index])
        chance = rng.random()
        if chance < self.recipe.sequences:
            pair = self._draw(rng, 2)
            return [(pair, "sequence"), (pair[::-1], "sequence")]
        if chance < self.recipe.sequences + self.recipe.overlaps:
            return [(self._draw(rng, 2), "overlap"), (self._draw(rng, 2), "overlap")]
        events = self._draw(rng, 2)
        return [(events[:1], "single"), (events[1:], "single")]

    def group(self, index: int) -> tuple[Scene, Scene]:
        """The two scenes of group `index` >= 0."""
        seeds = [int(seed) for seed in np.random.default_rng([self.seed, 8, index]).integers(2**31, size=2)]
        first, second = (
            compose(events, relation, self.recipe.layout, self.sounds, seed)
            for (events, relation), seed in zip(self.plan(index), seeds, strict=True)
        )
        # The two orders of a pair are one layout and its mirror image: the same excerpts, gaps and levels.
        return first, invert(first) if first.relation == "sequence" else second

    def _draw(self, rng: np.random.Generator, count: int) -> list[Event]:
        """Events of different classes, no two of which are a pair held out for evaluation."""
        names = list(self.by_class)
        for _ in range(_TRIES):
            chosen = [names[k] for k in rng.choice(len(names), count, replace=False, p=self.share)]
            if not any(held_out_pair(a, b) for i, a in enumerate(chosen) for b in chosen[:i]):
                return [self.by_class[name][int(rng.integers(len(self.by_class[name])))] for name in chosen]
        raise DataError("All pairs of the training classes are held out for evaluation: add classes.")

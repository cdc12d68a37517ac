"""What a run trains on: group g of a run is a pure function of the seed and g.

A group is two or three scenes. In most groups two are the two orders of the same events, from the same
excerpts, so both orders occur as audio equally often and no caption can be guessed from its words.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chronoclap.errors import DataError
from chronoclap.scenes import Claimed, Event, Relation, Scene, Sounds, compose, held_out_pair, invert
from chronoclap.training.recipes import Recipe

_TRIES = 1000


class Planned(NamedTuple):
    """A scene before it is composed.

    Attributes:
        events: what sounds, in order of time.
        relation: how it lies in time.
        claimed: what its caption is to say.
    """

    events: list[Event]
    relation: Relation
    claimed: Claimed


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

    def plan(self, index: int) -> list[Planned]:
        """The scenes of group `index` >= 0, as many as `recipe.mix` has; no recording is opened."""
        rng = np.random.default_rng([self.seed, 1, index])
        chance = rng.random()
        long = self.recipe.threes and chance < self.recipe.sequences * self.recipe.threes
        pair = self._draw(rng, 3 if long else 2)
        orders = [Planned(pair, "sequence", "sequence"), Planned(pair[::-1], "sequence", "sequence")]
        if self.recipe.mix == "all":
            if long:
                return [*orders, Planned([pair[1], pair[0], pair[2]], "sequence", "sequence")]
            if chance < self.recipe.sequences:
                return [*orders, Planned(pair, "overlap", "overlap")]
            return [Planned([event], "single", "single") for event in self._draw(rng, 3)]
        if self.recipe.mix == "triples":
            return [*orders, Planned(pair, "overlap", "overlap")]
        if self.recipe.mix == "combined":
            return [Planned(pair[:1], "single", "single"), Planned(pair, "sequence", "together")]
        if chance < self.recipe.sequences:
            return orders
        if chance < self.recipe.sequences + self.recipe.overlaps:
            return [Planned(events, "overlap", "overlap") for events in (pair, self._draw(rng, 2))]
        return [Planned([event], "single", "single") for event in pair]

    def group(self, index: int) -> tuple[Scene, ...]:
        """The scenes of group `index` >= 0."""
        planned = self.plan(index)
        seeds = np.random.default_rng([self.seed, 8, index]).integers(2**31, size=len(planned)).tolist()
        scenes = [
            compose(events, relation, self.recipe.layout, self.sounds, seed)
            for (events, relation, _), seed in zip(planned, seeds, strict=True)
        ]
        if planned[1].events == planned[0].events[::-1] and planned[1].relation == "sequence":
            # The two orders of a pair are one layout and its mirror image: the same excerpts, gaps and
            # levels.
            scenes[1] = invert(scenes[0])
        return tuple(scenes)

    def _draw(self, rng: np.random.Generator, count: int) -> list[Event]:
        """Events of different classes, no two of which are a pair held out for evaluation."""
        names = list(self.by_class)
        for _ in range(_TRIES):
            chosen = [names[k] for k in rng.choice(len(names), count, replace=False, p=self.share)]
            if not any(held_out_pair(a, b) for i, a in enumerate(chosen) for b in chosen[:i]):
                return [self.by_class[name][int(rng.integers(len(self.by_class[name])))] for name in chosen]
        raise DataError("All pairs of the training classes are held out for evaluation: add classes.")

"""Training on scenes that were composed before, by `chronoclap compose --shards`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from chronoclap.audio.decode import resample
from chronoclap.data.shards import Stored, find_shards, said_hash, stored_in
from chronoclap.errors import DataError
from chronoclap.scenes import Claimed, Event
from chronoclap.training.groups import Planned
from chronoclap.training.recipes import Recipe


@dataclass(frozen=True, slots=True)
class ShardSet:
    """Shards of scenes, in place of events.

    Attributes:
        paths: the shards.
    """

    paths: tuple[Path, ...]


class ShardGroups:
    """The groups of a run, as they lie in shards; captions are written anew, as for scenes composed on the
    fly.

    Args:
        shards: of one set.
        recipe: how to train; of its groups, as many are used as there are.
        seed: of the run.
        rate: at which the model hears, Hz.

    Raises:
        DataError: a shard cannot be read, or the scenes are not those of such a recipe.
    """

    def __init__(self, shards: ShardSet, recipe: Recipe, seed: int, rate: int) -> None:
        self.shards = shards
        self.seed = seed
        self.rate = rate
        per_group = recipe.scenes_per_group
        count = len(self._groups)
        if not count:
            raise DataError(f"{shards.paths[0].parent} holds no scenes: compose some with --shards.")
        first = [stored.scene() for stored in self._groups[0]]
        whole = [len(group) for group in self._groups if len(group) != per_group]
        if len(whole) > 1 or (whole and len(self._groups[0]) != per_group):
            raise DataError(
                f"{shards.paths[0]} holds groups of {len(self._groups[0])} scenes, and {recipe.name} takes "
                f"groups of {per_group}: compose them with --recipe {recipe.name}."
            )
        for scene in first:
            if scene["split"] != "train":
                raise DataError(
                    f"{shards.paths[0]} holds scenes of the split {scene['split']}: train on train."
                )
            if scene["seconds"] != recipe.layout.seconds:
                raise DataError(
                    f"{shards.paths[0]} holds scenes of {scene['seconds']} s, and {recipe.name} takes "
                    f"{recipe.layout.seconds} s: compose them with --recipe {recipe.name}."
                )
        self.recipe = replace(recipe, groups=count - len(whole))

    @cached_property
    def _groups(self) -> list[list[Stored]]:
        found: dict[int, list[Stored]] = {}
        for stored in stored_in(self.shards.paths):
            found.setdefault(stored.scene()["group"], []).append(stored)
        # Of the last group, some scenes may have been left out.
        return sorted(found.values(), key=lambda group: (-len(group), group[0].key))

    def plan(self, index: int) -> list[Planned]:
        """What is to be said of group `index`."""
        return [self._planned(stored) for stored in self._groups[index]]

    def rendered(self, index: int) -> list[np.ndarray]:
        """The sound of group `index`: float32 (samples,) each."""
        length = round(self.recipe.layout.seconds * self.rate)
        heard = []
        for stored in self._groups[index]:
            sample = stored.sample()
            sound = resample(sample.audio, sample.rate, self.rate)[:length]
            heard.append(np.pad(sound, (0, length - len(sound))))
        return heard

    def origin(self) -> object:
        """What the sound of the groups depends on."""
        return [said_hash(path) for path in self.shards.paths]

    def _planned(self, stored: Stored) -> Planned:
        scene = stored.scene()
        events = [Event(e["phrase"], f"{stored.path}:{stored.key}", e["source"]) for e in scene["events"]]
        in_turn = scene["relation"] == "sequence"
        claimed: Claimed = scene["relation"]
        if in_turn and self.recipe.mix == "combined":
            claimed = "together"
        return Planned(events, scene["relation"], claimed)


def shards_of(data: Sequence[str]) -> ShardSet | None:
    """The shards in the folders given, or None where these are none."""
    found = [path for folder in data if Path(folder).is_dir() for path in find_shards(Path(folder))]
    return ShardSet(tuple(found)) if found else None

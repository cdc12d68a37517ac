"""Training on shards: the same scenes as composed on the fly, found at random in tars."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_world import SHORT

from chronoclap import Clap
from chronoclap.data import foley_events
from chronoclap.data.clips import CaptionedClip
from chronoclap.data.composing import Composers
from chronoclap.data.shards import Plan, read_shards, write_shard
from chronoclap.errors import DataError
from chronoclap.scenes import Event, Sounds
from chronoclap.training import Recipe, ShardSet, find_recipe, train
from chronoclap.training.composed import ShardGroups, shards_of
from chronoclap.training.groups import Grouper

RATE = 16_000
RECIPE = find_recipe(
    "tclap", layout=SHORT, groups=9, groups_per_step=3, steps=4, virtual_per_step=2, log_every=1
)


def write(folder: Path, events: list[Event], recipe: Recipe, scenes: int = 18, rate: int = RATE) -> ShardSet:
    grouper = Grouper(events, recipe, 0, Sounds(rate))
    plan = Plan(scenes, recipe.scenes_per_group, 3)
    composers = Composers(grouper.group, plan, grouper.sounds, 0, 0)
    folder.mkdir()
    for shard in range(3):
        write_shard(folder / plan.name(shard), composers.groups(plan.of_shard(shard)))
    found = shards_of([str(folder)])
    assert found is not None
    return found


@pytest.fixture
def shards(tmp_path: Path, events: list[Event]) -> ShardSet:
    return write(tmp_path / "shards", events, RECIPE)


def test_the_groups_are_those_that_were_composed(shards: ShardSet, events: list[Event]) -> None:
    composed, stored = Grouper(events, RECIPE, 0, Sounds(RATE)), ShardGroups(shards, RECIPE, 0, RATE)
    assert stored.recipe == RECIPE
    for index in (8, 0, 4):
        theirs, ours = composed.plan(index), stored.plan(index)
        for a, b in zip(theirs, ours, strict=True):
            assert (a.relation, a.claimed) == (b.relation, b.claimed)
            assert sorted(e.phrase for e in a.events) == sorted(e.phrase for e in b.events)
            if a.relation == "sequence":
                assert [e.phrase for e in a.events] == [e.phrase for e in b.events]
        for one, other in zip(composed.rendered(index), stored.rendered(index), strict=True):
            np.testing.assert_allclose(one, other, atol=1.01 / 32768)  # 16 bits


def test_another_rate_and_an_unfinished_group(tmp_path: Path, events: list[Event]) -> None:
    shards = write(tmp_path / "some", events, RECIPE, scenes=17, rate=8_000)
    stored = ShardGroups(shards, RECIPE, 0, RATE)
    assert stored.recipe.groups == 8
    assert {len(sound) for sound in stored.rendered(3)} == {2 * RATE}
    assert len(list(read_shards(shards.paths))) == 17


def test_stage_a_says_together(tmp_path: Path, events: list[Event]) -> None:
    recipe = replace(RECIPE, mix="combined")
    stored = ShardGroups(write(tmp_path / "a", events, recipe), recipe, 0, RATE)
    assert {one.claimed for index in range(9) for one in stored.plan(index)} == {"single", "together"}


def test_a_run_on_shards_is_a_run(
    shards: ShardSet, tiny_clap: Clap, short_vocabulary: tuple[str, ...], tmp_path: Path
) -> None:
    runs = [
        train(RECIPE, tiny_clap, shards, tmp_path / f"run{workers}", workers=workers, progress=False)
        for workers in (0, 1)
    ]
    state = [run.model.state_dict() for run in runs]
    assert all(torch.equal(state[0][name], state[1][name]) for name in state[0])
    assert any(
        not torch.equal(value, tiny_clap.model.grow(3).state_dict()[name]) for name, value in state[0].items()
    )
    assert runs[0].info["trained"]["scenes"] == 9


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mix": "all"}, "groups of 2 scenes, and tclap takes groups of 3: compose them with --recipe tclap"),
        ({"layout": replace(SHORT, seconds=3.0)}, "scenes of 2.0 s, and tclap takes 3.0 s"),
    ],
)
def test_scenes_of_another_recipe(shards: ShardSet, changes: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        ShardGroups(shards, replace(RECIPE, **changes), 0, RATE)


def test_other_splits_and_clips_are_refused(
    tmp_path: Path, shards: ShardSet, tiny_clap: Clap, short_vocabulary: tuple[str, ...]
) -> None:
    held = [event for event in foley_events(0, 1, 0) if event.split == "val"]
    with pytest.raises(DataError, match="of the split val"):
        ShardGroups(write(tmp_path / "val", held, RECIPE), RECIPE, 0, RATE)
    clips = [CaptionedClip("rain", "rain.wav")]
    with pytest.raises(DataError, match="give a manifest in place of shards"):
        train(RECIPE, tiny_clap, shards, tmp_path / "run", clips=clips, workers=0, progress=False)


def test_a_folder_without_shards(tmp_path: Path) -> None:
    assert shards_of([str(tmp_path), "foley"]) is None


def test_a_shard_without_its_hash_says_what_to_do(shards: ShardSet) -> None:
    groups = ShardGroups(shards, RECIPE, 0, RATE)
    hashed = shards.paths[1].with_name(f"{shards.paths[1].name}.sha256")
    hashed.unlink()
    with pytest.raises(DataError, match=f"{hashed.name} beside it: copy it too"):
        groups.origin()

"""The feature store: the same features by any number of workers, each made once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_world import SHORT

from chronoclap import Clap
from chronoclap.data.composing import default_workers
from chronoclap.scenes import Event, Sounds, render
from chronoclap.training import features, find_recipe
from chronoclap.training.features import FeatureStore, group_features
from chronoclap.training.groups import Grouper

BATCHES = [np.array([3, 1]), np.array([0, 2]), np.array([1, 0])]


@pytest.fixture
def grouper(events: list[Event]) -> Grouper:
    recipe = find_recipe("tclap", groups=4, groups_per_step=2, layout=SHORT)
    return Grouper(events, recipe, 0, Sounds(16_000))


def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The indices of the groups computed in this process, from now on."""
    asked: list[int] = []

    def counted(grouper: Grouper, model: object, index: int) -> np.ndarray:
        asked.append(index)
        return group_features(grouper, model, index)  # type: ignore[arg-type]

    monkeypatch.setattr(features, "group_features", counted)
    return asked


def test_a_group_is_its_two_scenes_through_the_trunk(tiny_clap: Clap, grouper: Grouper) -> None:
    made = group_features(grouper, tiny_clap.model, 2)
    # Two seconds are ceil((32,000 + 7,440) / 7,680) + 1 = 7 patches.
    assert made.shape == (2, 7, 1024)
    assert made.dtype == np.float16
    for scene, ours in zip(grouper.group(2), made, strict=True):
        expected = tiny_clap.model.trunk_features(render(scene, grouper.sounds)).numpy()
        np.testing.assert_allclose(ours, expected, atol=1e-2, rtol=1e-3)
    assert np.abs(made[0] - made[1]).max() > 0.1


def test_workers_make_what_this_process_makes(
    tiny_clap: Clap, grouper: Grouper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = FeatureStore(tmp_path / "alone", grouper, tiny_clap.model, workers=0)
    expected = list(alone.batches(BATCHES))
    model = tiny_clap.model.copy().train()
    together = FeatureStore(tmp_path / "together", grouper, model, workers=2)
    asked = count_calls(monkeypatch)
    made = list(together.batches(BATCHES))
    assert asked == []  # all by the workers
    assert len(made) == len(expected) == 3
    for ours, theirs in zip(made, expected, strict=True):
        assert ours.shape == (4, 7, 1024)
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs)
    # Handing the trunk to the workers did not take the model out of training.
    assert all(module.training for module in model.modules())
    # A batch holds both scenes of its first group, then both of its second.
    assert torch.equal(made[0][2:], made[2][:2])


def test_each_group_is_made_once(
    tiny_clap: Clap, grouper: Grouper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_calls(monkeypatch)
    store = FeatureStore(tmp_path / "features", grouper, tiny_clap.model, workers=0)
    first = list(store.batches(BATCHES))
    assert asked == [3, 1, 0, 2]
    second = list(store.batches(BATCHES))
    assert len(asked) == 4
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_resumed_store_goes_on(
    tiny_clap: Clap, grouper: Grouper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_calls(monkeypatch)
    store = FeatureStore(tmp_path / "features", grouper, tiny_clap.model, workers=0)
    first = next(store.batches(BATCHES))
    assert asked == [3, 1]
    del store
    resumed = FeatureStore(tmp_path / "features", grouper, tiny_clap.model, workers=0)
    made = list(resumed.batches(BATCHES))
    assert asked == [3, 1, 0, 2]
    assert torch.equal(made[0], first)


@pytest.mark.parametrize("other", ["seed", "layout", "events", "trunk", "relations"])
def test_features_of_another_run_are_not_used(
    tiny_clap: Clap,
    grouper: Grouper,
    events: list[Event],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: str,
) -> None:
    # A run that stopped before its first state leaves features and nothing else behind.
    list(FeatureStore(tmp_path / "features", grouper, tiny_clap.model, workers=0).batches(BATCHES[:1]))
    recipe, seed, model = grouper.recipe, 0, tiny_clap.model
    match other:
        case "seed":
            seed = 1
        case "layout":
            recipe = find_recipe("tclap", groups=4, groups_per_step=2)
        case "relations":
            recipe = find_recipe("tclap", groups=4, groups_per_step=2, layout=SHORT, sequences=0.0)
        case "events":
            events = events[1:]
        case "trunk":
            model = model.copy()
            torch.nn.init.ones_(model.audio.trunk.get_parameter("convs.0.bias"))
    asked = count_calls(monkeypatch)
    changed = Grouper(events, recipe, seed, grouper.sounds)
    made = next(FeatureStore(tmp_path / "features", changed, model, workers=0).batches(BATCHES[:1]))
    assert asked == [3, 1]
    assert torch.equal(made[:2], torch.from_numpy(group_features(changed, model, 3)).float())


def test_removing_leaves_nothing(tiny_clap: Clap, grouper: Grouper, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "run" / "features", grouper, tiny_clap.model, workers=0)
    assert (tmp_path / "run" / "features").is_dir()
    store.remove()
    assert list((tmp_path / "run").iterdir()) == []


def test_workers_are_at_least_one() -> None:
    assert default_workers() >= 1

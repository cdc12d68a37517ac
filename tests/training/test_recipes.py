"""Recipes: found by name, changed by field, never in place."""

import json
from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from chronoclap.errors import DataError
from chronoclap.scenes import TEMINAL
from chronoclap.training import RECIPES, Recipe, find_recipe


def test_recipes_are_known_by_their_own_name() -> None:
    assert {"contrastive", "tclap"} <= RECIPES.keys()
    assert all(find_recipe(name).name == name for name in RECIPES)


def test_the_control_differs_by_the_temporal_loss_alone() -> None:
    # T-CLAP: L_train = L_c + 0.5 L_t.
    assert find_recipe("tclap").temporal_weight == 0.5
    assert replace(find_recipe("tclap"), name="contrastive", temporal_weight=0.0) == find_recipe(
        "contrastive"
    )


def test_changes_are_applied_and_none_is_no_change() -> None:
    changed = find_recipe("tclap", steps=7, layout=TEMINAL, learning_rate=None)
    assert changed == replace(RECIPES["tclap"], steps=7, layout=TEMINAL)
    assert RECIPES["tclap"].steps != 7


def test_an_unknown_name_lists_the_recipes() -> None:
    with pytest.raises(DataError, match=r"no recipe 'tclp': use one of contrastive, tclap"):
        find_recipe("tclp")


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(DataError, match=r"A recipe has no epochs, speed\."):
        find_recipe("tclap", speed=3, steps=5, epochs=None)


def test_recipes_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        find_recipe("tclap").steps = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", ["groups", "groups_per_step", "steps", "log_every", "save_every", "moments"])
def test_counts_begin_at_one(name: str) -> None:
    with pytest.raises(DataError, match=f"{name} is 0: give 1 or more"):
        find_recipe("tclap", **{name: 0})


def test_a_batch_must_be_filled() -> None:
    with pytest.raises(DataError, match="7 groups do not fill a batch of 8: compose more"):
        Recipe("mine", groups=7, groups_per_step=8)
    Recipe("mine", groups=8, groups_per_step=8)


def test_plain_values_can_be_written_as_json() -> None:
    recipe = find_recipe("tclap")
    values = json.loads(json.dumps(recipe.to_dict()))
    assert values["temporal_weight"] == 0.5
    assert values["trains"] == list(recipe.trains)
    assert values["layout"].keys() == asdict(recipe.layout).keys()

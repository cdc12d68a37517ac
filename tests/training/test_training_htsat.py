"""Recipes on HTSAT and RoBERTa: which weights move, that they learn, and that a stopped run goes on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_world import SHORT, stop_at
from torch import nn

import chronoclap
from chronoclap import Clap
from chronoclap.models.htsat_roberta import HtsatRoberta
from chronoclap.scenes import Event, Sounds
from chronoclap.training import COURSES, RECIPES, count_trained, find_recipe, find_stages, loop, train
from chronoclap.training.captions import Wanted
from chronoclap.training.recipes import Recipe
from chronoclap.training.weights import choose_trained
from small_htsat import write_with_transformers

SOUNDS = Sounds(48_000)
SMALL = {"layout": SHORT, "groups": 2, "groups_per_step": 2, "warm_up": 0, "save_every": 2, "log_every": 1}


@pytest.fixture(autouse=True)
def _sounds_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "Sounds", lambda rate: SOUNDS)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Clap:
    return chronoclap.load(write_with_transformers(tmp_path_factory.mktemp("start") / "htsat"))


def small(name: str, **changes: object) -> Recipe:
    return replace(find_recipe(name, "htsat-roberta"), **{**SMALL, "steps": 2, **changes})  # type: ignore[arg-type]


def moved(before: Clap, after: Clap) -> set[str]:
    theirs = before.model.state_dict()
    return {
        name for name, tensor in after.model.state_dict().items() if not torch.equal(tensor, theirs[name])
    }


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_takes_a_step(start: Clap, events: list[Event], tmp_path: Path, name: str) -> None:
    trained = train(small(name, steps=1), start, events, tmp_path / name, workers=0, progress=False)
    assert moved(start, trained)


def test_the_whole_towers_learn_the_order_of_a_few_scenes(events: list[Event], tmp_path: Path) -> None:
    start = chronoclap.load(write_with_transformers(tmp_path / "start", dropout=0.0))
    # Random towers stay at chance for long where every step brings other words.
    said = Wanted(wordings=("single-sound", "before", "while"))
    recipe = small("tclap", steps=25, learning_rate=3e-4, sequences=1.0, overlaps=0.0, wanted=said)
    trained = train(recipe, start, events, tmp_path / "run", workers=0, progress=False)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()][1:]
    loss = [line["loss"] for line in lines]
    assert np.mean(loss[-5:]) < 0.2 * np.mean(loss[:3])
    assert np.mean([line["order"] for line in lines[:3]]) < 0.9
    assert np.mean([line["order"] for line in lines[-5:]]) == 1
    changed = moved(start, trained)
    assert {name.split(".")[1] for name in changed} >= {"audio_model", "text_model", "audio_projection"}
    assert not [name for name in changed if "running_" in name]  # what sounds are like was learned before


def test_teminal_moves_the_last_layers_and_the_projections(
    start: Clap, events: list[Event], tmp_path: Path
) -> None:
    trained = train(small("teminal-b"), start, events, tmp_path / "run", workers=0, progress=False)
    changed = moved(start, trained)
    # The small RoBERTa has no layer 11; the released ones have.
    assert {".".join(name.split(".")[1:3]) for name in changed if "text_model" in name} == {
        "text_model.pooler"
    }
    heard = {name for name in changed if "audio_model" in name}
    assert heard
    assert all("audio_encoder.layers.3." in name or "audio_encoder.norm." in name for name in heard)


def test_names_of_the_last_parts_are_those_of_released_models() -> None:
    from transformers import ClapConfig, ClapModel

    with torch.device("meta"):
        released = ClapModel(ClapConfig())
    names = [f"clap.{name}" for name, _ in released.named_parameters()]
    for prefix in find_recipe("teminal-a", "htsat-roberta").trains:
        assert any(name.startswith(prefix) for name in names), prefix


def test_counts_are_those_of_the_model(start: Clap) -> None:
    assert isinstance(start.model, HtsatRoberta)
    whole = sum(p.numel() for p in start.model.parameters())
    assert count_trained(small("tclap"), start.model) == (whole, whole)
    assert 0 < count_trained(small("teminal-a"), start.model)[0] < whole


def test_scenes_are_filled_with_silence_and_the_model_says_so(
    start: Clap, events: list[Event], tmp_path: Path
) -> None:
    assert start.model.fill == "repeatpad"
    trained = train(small("contrastive"), start, events, tmp_path / "run", workers=0, progress=False)
    assert trained.model.fill == chronoclap.load(tmp_path / "run").model.fill == "silence"
    assert start.model.fill == "repeatpad"


def test_a_stopped_run_ends_with_the_same_weights(
    start: Clap, events: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small("tclap", steps=4, anchor=0.5)
    whole = train(recipe, start, events, tmp_path / "whole", workers=0, progress=False)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, start, events, tmp_path / "stopped", workers=0, progress=False)
    resumed = train(recipe, start, events, tmp_path / "stopped", workers=0, progress=False, resume=True)
    assert not moved(whole, resumed)


def test_workers_make_the_same_features(start: Clap, events: list[Event], tmp_path: Path) -> None:
    alone = train(small("tclap"), start, events, tmp_path / "alone", workers=0, progress=False)
    together = train(small("tclap"), start, events, tmp_path / "together", workers=1, progress=False)
    assert not moved(alone, together)


def test_batch_norms_keep_still_in_training(start: Clap) -> None:
    assert isinstance(start.model, HtsatRoberta)
    model = start.model.copy().train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)


def test_courses_are_there_for_it_too() -> None:
    for name in COURSES:
        for stage in find_stages(name, "htsat-roberta"):
            assert stage.virtual_per_step == 0
            assert stage.trains != find_recipe(stage.name).trains
    assert find_recipe("teminal-code-a", "htsat-roberta").learning_rate == 1e-3
    assert find_recipe("tclap", "htsat-roberta").learning_rate == 5e-5


class TestFrozenParts:
    """What a run freezes of the sound tower is computed once a scene; nothing else follows from that."""

    @pytest.fixture
    def halves(self, start: Clap) -> tuple[HtsatRoberta, np.ndarray]:
        assert isinstance(start.model, HtsatRoberta)
        model = start.model.copy()
        return model, np.random.default_rng(0).standard_normal(200_000).astype(np.float32) * 0.1

    @pytest.mark.parametrize(
        ("moving", "count"), [("layers.3.", 3), ("layers.1.", 1), ("norm.", 4), ("layers.0.", None)]
    )
    def test_their_features_give_the_same_vectors(
        self, halves: tuple[HtsatRoberta, np.ndarray], moving: str, count: int | None
    ) -> None:
        model, sound = halves
        with torch.no_grad():
            expected = model.embed_mel(model.log_mel(sound))
        prefix = f"clap.audio_model.audio_encoder.{moving}"
        model.keep_frozen([name for name, _ in model.named_parameters() if name.startswith(prefix)])
        assert (model.ear is None) == (count is None)
        assert model.ear is None or model.ear.count == count
        features = model.trunk_features(sound)
        assert tuple(features.shape) == model.features_shape(0)
        with torch.no_grad():
            vectors = model.embed_features(features[None])
        torch.testing.assert_close(vectors, expected, atol=1e-6, rtol=1e-5)
        model.keep_frozen(None)
        assert model.features_shape(0) == model.mel_shape

    def test_training_ends_with_the_weights_that_it_has_without(
        self, start: Clap, events: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recipe = small("teminal-b", steps=3)
        kept = train(recipe, start, events, tmp_path / "kept", workers=1, progress=False)
        monkeypatch.setattr(HtsatRoberta, "frozen_ear", lambda self, trained: None)
        plain = train(recipe, start, events, tmp_path / "plain", workers=1, progress=False)
        assert moved(start, kept)
        before, theirs = start.model.state_dict(), plain.model.state_dict()
        for name in moved(start, kept):
            if not name.endswith("self.key.bias"):
                # Not number by number: where a gradient is next to nothing, as that of what is added to all
                # keys, Adam makes whole steps of rounding, which depends on how much is multiplied at once.
                ours = kept.model.state_dict()[name]
                assert (ours - theirs[name]).norm() < 1e-3 * (ours - before[name]).norm(), name
        assert moved(start, kept) == moved(start, plain)

    def test_the_trained_model_embeds_as_the_one_that_was_written(
        self, start: Clap, events: list[Event], tmp_path: Path
    ) -> None:
        trained = train(small("teminal-a"), start, events, tmp_path / "run", workers=0, progress=False)
        sound = np.random.default_rng(1).standard_normal(90_000).astype(np.float32) * 0.1
        again = chronoclap.load(tmp_path / "run")
        np.testing.assert_allclose(trained.embed_audio(sound), again.embed_audio(sound), atol=1e-6)

    def test_what_is_frozen_has_no_dropout(self, start: Clap) -> None:
        model = start.model.copy()
        choose_trained(model, find_recipe("teminal-a", "htsat-roberta").trains)
        model.train()
        assert not model.clap.audio_model.audio_encoder.layers[0].training
        assert model.clap.audio_model.audio_encoder.layers[3].training

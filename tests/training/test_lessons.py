"""Lessons in reading, which a model has before any run."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from chronoclap import Clap
from chronoclap.errors import ModelError
from chronoclap.models.compact import CompactModel
from chronoclap.scenes import Caption, Claimed, describe_phrases, held_out_pair
from chronoclap.training import find_recipe, lessons
from chronoclap.training.lessons import draw, teach_reading
from chronoclap.training.spans import span_loss
from chronoclap.training.virtual import vocabulary

RECIPE = find_recipe("chrono", steps=40, warm_up=5, learning_rate=4e-3)
WORDS = ("dog", "rain", "wind", "owl", "hi-hat", "saw")


@pytest.fixture
def model(tiny_clap: Clap, monkeypatch: pytest.MonkeyPatch) -> CompactModel:
    monkeypatch.setattr(lessons, "vocabulary", lambda: WORDS)
    monkeypatch.setattr(lessons, "LESSON", 24)
    torch.manual_seed(0)
    return tiny_clap.model.grow(3)


def misread(model: CompactModel) -> float:
    said = draw(WORDS, 100, np.random.default_rng(99))
    model.eval()
    with torch.inference_mode():
        return span_loss(said, model, *model.text.read(*model.tokens([c.text for c in said]))).mean().item()


def test_reading_is_learned_and_nothing_else_moves(model: CompactModel) -> None:
    before, unread = {k: v.clone() for k, v in model.state_dict().items()}, misread(model)
    teach_reading(model, RECIPE, 0, progress=False)
    assert misread(model) < 0.7 * unread
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("text.events.") for name in moved)


def test_same_seed_same_reader_other_seed_other_reader(model: CompactModel) -> None:
    def taught(seed: int) -> torch.Tensor:
        pupil = model.copy()
        teach_reading(pupil, replace(RECIPE, steps=2), seed, progress=False)
        return torch.cat([p.detach().flatten() for p in pupil.text.events.parameters()])

    assert torch.equal(taught(0), taught(0))
    assert not torch.equal(taught(0), taught(1))


def test_a_model_of_one_moment_cannot_be_taught(tiny_clap: Clap) -> None:
    with pytest.raises(ModelError, match="reads no order"):
        teach_reading(tiny_clap.model, RECIPE, 0, progress=False)


def test_captions_are_of_all_relations_and_of_no_held_out_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[list[str], str]] = []

    def record(phrases: list[str], relation: Claimed, seed: int) -> Caption:
        told.append((phrases, relation))
        return describe_phrases(phrases, relation, seed)

    monkeypatch.setattr(lessons, "describe_phrases", record)
    phrases = vocabulary()[:40]
    assert any(held_out_pair(one, other) for one, other in combinations(phrases, 2))
    assert len(draw(phrases, 600, np.random.default_rng(0))) == len(told) == 600
    relations = [relation for _, relation in told]
    assert set(relations) == {"sequence", "single", "overlap", "together"}
    assert 0.4 < relations.count("sequence") / len(told) < 0.6
    assert {len(chosen) for chosen, _ in told} == {1, 2, 3}
    assert not any(held_out_pair(*pair) for chosen, _ in told for pair in combinations(chosen, 2))

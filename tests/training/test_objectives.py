"""Objectives: each is the loss that it is named for, fed with the right captions, and every recipe learns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_world import SHORT
from torch import Tensor
from torch.nn import functional as F

from chronoclap import Clap, losses
from chronoclap.errors import DataError
from chronoclap.models.compact.events import first_gains
from chronoclap.scenes import Claimed, Event, Sounds
from chronoclap.training import RECIPES, Recipe, find_recipe, find_stages, loop, train, train_stages
from chronoclap.training.captions import Wanted, caption_rows
from chronoclap.training.objectives import Rows, in_places, objective_loss

ROWS: list[tuple[tuple[str, ...], Claimed]] = [
    (("rain", "dog"), "sequence"),
    (("dog", "rain"), "sequence"),
    (("wind",), "single"),
    (("owl", "bell"), "overlap"),
    (("owl", "bell"), "sequence"),
]
SOUNDS = Sounds(16_000)


def unit(*shape: int, seed: int) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def make_rows(recipe: Recipe) -> Rows:
    captions = caption_rows(ROWS, 0, recipe.wanted)
    n = len(ROWS)
    return Rows(
        unit(n, 6, seed=0),
        unit(n, 6, seed=1),
        *in_places(unit(len(captions.contradictions), 6, seed=2), captions.contradicted, n),
        *in_places(unit(len(captions.also), 6, seed=3), captions.also_of, n),
        captions,
        torch.tensor(5.0),
    )


def loss(name: str, **changes: object) -> tuple[Tensor, Rows]:
    recipe = find_recipe(name, **changes)
    rows = make_rows(recipe)
    return objective_loss(recipe, rows)[0], rows


class TestObjectives:
    def test_tclap_is_the_contrastive_loss_and_half_the_temporal_one(self) -> None:
        value, rows = loss("tclap")
        contrastive, _ = loss("contrastive")
        temporal = losses.temporal_focused(rows.audio, rows.text, rows.false, 5.0, "pair", rows.is_false)
        assert contrastive.item() == pytest.approx(losses.info_nce(rows.audio, rows.text, 5.0).item())
        assert value.item() == pytest.approx((contrastive + 0.5 * temporal).item())

    def test_tact_and_tnce_without_alphas_are_the_contrastive_loss(self) -> None:
        expected, _ = loss("contrastive")
        assert loss("tact")[0].item() == pytest.approx(expected.item(), abs=1e-5)
        assert loss("teminal-b")[0].item() == pytest.approx(expected.item(), abs=1e-5)

    @pytest.mark.parametrize("name", ["tact", "teminal-b"])
    def test_alphas_weigh_the_other_relations_of_a_row(self, name: str) -> None:
        expected, _ = loss("contrastive")
        assert loss(name, alpha_same=4.0)[0] > expected
        assert loss(name, alpha_cross=0.1)[0] < expected

    def test_compa_2_has_three_contradictions_a_row(self) -> None:
        value, rows = loss("compa-2")
        assert rows.is_false.tolist() == [[True] * 3, [True] * 3, [False] * 3, [True] * 3, [True] * 3]
        expected = losses.compa_hard_negatives(rows.audio, rows.text, rows.false, 5.0, rows.is_false)
        assert value.item() == pytest.approx(expected.item())

    def test_compa_3_lets_every_event_speak_and_no_scene_with_it_compete(self) -> None:
        value, rows = loss("compa-3")
        assert [rows.captions.also_of.count(row) for row in range(5)] == [2, 2, 0, 2, 2]
        sharing = torch.block_diag(torch.ones(2, 2), torch.ones(1, 1), torch.ones(2, 2)).bool()
        assert torch.equal(rows.captions.sharing(), sharing)
        captions = torch.cat([rows.text[:, None], rows.also], 1)
        present = torch.tensor([[True] * 3, [True] * 3, [True, False, False], [True] * 3, [True] * 3])
        expected = losses.compa_modular(
            rows.audio, captions, rows.false, 5.0, present, rows.is_false, sharing
        )
        assert value.item() == pytest.approx(expected.item())

    def test_dtu_adds_ten_margins_between_texts(self) -> None:
        value, rows = loss("dtu")
        contrastive, _ = loss("contrastive")
        # Overlaps contradict no order and have neither: rows 0, 1 and 4 are left.
        at = torch.tensor([0, 1, 4])
        margin = losses.dtu_margin(rows.text[at], rows.also[at], rows.false[at])
        assert value.item() == pytest.approx((contrastive + 10 * margin).item(), abs=1e-5)

    def test_a_recipe_without_contradictions_is_refused(self) -> None:
        with pytest.raises(DataError, match="contradiction"):
            find_recipe("tclap", wanted=Wanted(false=0))


def test_in_places() -> None:
    flat = torch.arange(8.0).view(4, 2)
    placed, taken = in_places(flat, [0, 2, 2, 3], 5)
    assert taken.tolist() == [[True, False], [False, False], [True, True], [True, False], [False, False]]
    assert placed[2].tolist() == [[2, 3], [4, 5]]
    assert placed[~taken].abs().sum() == 0
    nothing, none = in_places(torch.zeros(0, 2), [], 3)
    assert (nothing.shape, none.any()) == ((3, 1, 2), torch.tensor(False))


@pytest.fixture
def small(
    tiny_clap: Clap,
    events: list[Event],
    short_vocabulary: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., Clap]:
    """Train stages on short scenes into a directory."""
    monkeypatch.setattr(loop, "Sounds", lambda rate: SOUNDS)

    def start(stages: list[Recipe], *, resume: bool = False, name: str = "run") -> Clap:
        return train_stages(
            [replace(s, layout=SHORT, groups=4, groups_per_step=4, virtual_per_step=7) for s in stages],
            tiny_clap,
            events,
            tmp_path / name,
            resume=resume,
            workers=0,
            progress=False,
        )

    return start


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_moves_both_towers(name: str, small: Callable[..., Clap]) -> None:
    trained = small([find_recipe(name, steps=2)])
    assert trained.info["trained"]["recipe"]["objective"] == find_recipe(name).objective
    events = trained.model.text.events
    assert events is not None
    assert events.drift.item() != pytest.approx(0.1, abs=1e-6)
    assert not torch.equal(trained.model.gains, first_gains(3))
    assert all(p.isfinite().all() for p in trained.model.parameters())


def test_an_anchor_keeps_the_words_of_single_events(tiny_clap: Clap, small: Callable[..., Clap]) -> None:
    texts = ["rain can be heard", "a recording of wind", "the sound of an owl"]
    base = tiny_clap.embed_text(texts)

    def drift(anchor: float, name: str) -> float:
        recipe = find_recipe("contrastive", steps=30, learning_rate=3e-2, anchor=anchor, sequences=0.0)
        content = small([replace(recipe, name=name)], name=name).embed_text(texts)[:, : base.shape[1]]
        content /= np.linalg.norm(content, axis=1, keepdims=True)
        return float(1 - (content * base).sum(1).mean())

    free, held = drift(0.0, "free"), drift(100.0, "held")
    assert held < 0.5 * free


class TestCourses:
    def test_stages_share_the_steps(self) -> None:
        assert [(s.name, s.steps) for s in find_stages("teminal", steps=7)] == [
            ("teminal-a", 3),
            ("teminal-b", 4),
        ]
        assert [s.name for s in find_stages("compa", groups=48)] == ["compa-2", "compa-3"]
        assert sum(s.steps for s in find_stages("compa")) == find_recipe("tclap").steps
        assert [s.steps for s in find_stages("teminal-code", steps=9)] == [6, 3]
        assert [s.steps for s in find_stages("teminal-code", steps=2)] == [1, 1]
        assert find_stages("tclap", steps=5) == [find_recipe("tclap", steps=5)]

    def test_each_stage_starts_from_the_one_before(
        self, small: Callable[..., Clap], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trained = small(find_stages("teminal", steps=4))
        assert trained.info["trained"]["start"] == "teminal-a"
        assert (tmp_path / "run" / "teminal-a" / "config.json").is_file()
        # What is finished is not done again.
        trained_again: list[str] = []
        real = train
        monkeypatch.setattr(
            "chronoclap.training.courses.train",
            lambda recipe, *given, **options: (
                trained_again.append(recipe.name),
                real(recipe, *given, **options),
            )[1],
        )
        again = small(find_stages("teminal", steps=4), resume=True)
        assert trained_again == ["teminal-b"]
        assert torch.equal(again.model.gains, trained.model.gains)

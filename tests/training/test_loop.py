"""The loop: resumed equals uninterrupted, other people's files stay, and order is learned."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_world import SHORT, stop_at

import chronoclap
from chronoclap import Clap
from chronoclap.errors import ChronoclapError, DataError
from chronoclap.models.compact.events import first_gains
from chronoclap.scenes import Event, Sounds
from chronoclap.training import Recipe, features, find_recipe, loop, train
from chronoclap.training.groups import Grouper
from chronoclap.training.lessons import REHEARSED
from chronoclap.training.loop import Batches, step_loss
from chronoclap.training.recipes import learning_rate
from chronoclap.training.spans import span_loss
from chronoclap.training.weights import choose_trained

RECIPE = find_recipe(
    "tclap",
    layout=SHORT,
    groups=4,
    groups_per_step=2,
    sequences=1.0,
    overlaps=0.0,
    virtual_per_step=3,
    steps=6,
    warm_up=2,
    save_every=2,
    log_every=2,
)


SOUNDS = Sounds(16_000)


@pytest.fixture(autouse=True)
def _sounds_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "Sounds", lambda rate: SOUNDS)


@pytest.fixture
def run(
    tiny_clap: Clap, events: list[Event], short_vocabulary: tuple[str, ...], tmp_path: Path
) -> Callable[..., Clap]:
    """Train RECIPE into a named directory: run("a", resume=True, steps=3)."""

    def start(name: str, *, resume: bool = False, seed: int = 0, workers: int = 0, **changes: object) -> Clap:
        recipe = replace(RECIPE, **changes)  # type: ignore[arg-type]
        return train(
            recipe,
            tiny_clap,
            events,
            tmp_path / name,
            seed=seed,
            resume=resume,
            workers=workers,
            progress=False,
        )

    return start


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]


def assert_equal_weights(a: Clap, b: Clap) -> None:
    theirs = b.model.state_dict()
    for name, tensor in a.model.state_dict().items():
        assert torch.equal(tensor, theirs[name]), name


class TestRun:
    def test_writes_a_checkpoint_and_a_log_and_nothing_else(
        self, run: Callable[..., Clap], tiny_clap: Clap, tmp_path: Path
    ) -> None:
        before = {name: tensor.clone() for name, tensor in tiny_clap.model.state_dict().items()}
        trained = run("mine")
        names = {path.name for path in (tmp_path / "mine").iterdir()} - {"tensorboard"}
        assert names == {"config.json", "model.safetensors", "tokenizer.json", "log.jsonl"}
        loaded = chronoclap.load(tmp_path / "mine")
        assert_equal_weights(trained, loaded)
        assert loaded.name == trained.name == "mine"
        assert loaded.info["trained"]["recipe"]["name"] == "tclap"
        assert loaded.info["trained"]["seed"] == 0
        assert not trained.model.training
        assert trained.dim == 3 * tiny_clap.dim
        # The model it started from is as it was, and so is what the recipe does not train.
        after, moved = tiny_clap.model.state_dict(), trained.model.state_dict()
        for name, tensor in before.items():
            assert torch.equal(after[name], tensor)
            if name not in ("gains", "log_scale"):
                assert torch.equal(moved[name], tensor), name
        assert not torch.equal(moved["log_scale"], before["log_scale"])
        assert not torch.equal(moved["gains"], first_gains(3))

    def test_log(self, run: Callable[..., Clap], tmp_path: Path) -> None:
        run("mine", log_every=4)
        settings, *measured = lines(tmp_path / "mine")
        assert settings["settings"]["recipe"]["steps"] == 6  # type: ignore[index]
        assert settings["settings"]["start"] == "tiny"  # type: ignore[index]
        # Every fourth step and the last.
        assert [line["step"] for line in measured] == [4, 6]
        for line in measured:
            assert {"loss", "contrastive", "temporal", "scale", "order", "text_only"} <= line.keys()
            assert line["loss"] == pytest.approx(line["contrastive"] + 0.5 * line["temporal"], abs=1e-4)
            assert line["learning_rate"] == pytest.approx(learning_rate(RECIPE, int(line["step"]) - 1))
            assert 0 <= line["order"] <= 1
            assert 0 <= line["waiting"] <= 1
            assert line["samples_per_s"] > 0
            assert line["scale"] == pytest.approx(20, abs=0.5)

    def test_same_seed_same_weights_other_seed_other_weights(self, run: Callable[..., Clap]) -> None:
        first, again, other = run("a"), run("b"), run("c", seed=1)
        assert_equal_weights(first, again)
        assert not torch.equal(first.model.gains, other.model.gains)

    def test_workers_change_nothing(self, run: Callable[..., Clap]) -> None:
        # With the content trained as well, so that its dropout in the audio tower counts.
        trains = ("audio", "text", "gains")
        assert_equal_weights(run("a", trains=trains), run("b", trains=trains, workers=1))

    def test_the_contrastive_control_leaves_the_temporal_loss_out(
        self, run: Callable[..., Clap], tmp_path: Path
    ) -> None:
        run("control", temporal_weight=0.0)
        for line in lines(tmp_path / "control")[1:]:
            assert line["loss"] == line["contrastive"]
            assert line["temporal"] > 0  # measured nevertheless

    @pytest.mark.parametrize("reading", ["batch-own", "batch-all"])
    def test_other_readings_run(self, run: Callable[..., Clap], reading: str) -> None:
        assert run("mine", reading=reading, steps=2).dim == 144

    def test_without_virtual_events(self, run: Callable[..., Clap]) -> None:
        assert run("mine", virtual_per_step=0, steps=2).dim == 144

    def test_without_sequences_there_is_nothing_to_contradict(
        self, run: Callable[..., Clap], tmp_path: Path
    ) -> None:
        run("mine", sequences=0.0, overlaps=0.5, virtual_per_step=0, steps=2)
        line = lines(tmp_path / "mine")[-1]
        assert line["temporal"] == 0
        # An accuracy of no rows is left out: NaN would not be JSON.
        assert "order" not in line
        assert "NaN" not in (tmp_path / "mine" / "log.jsonl").read_text()

    def test_a_start_with_as_many_moments_goes_on_from_there(
        self, run: Callable[..., Clap], events: list[Event], tmp_path: Path
    ) -> None:
        first = run("first", steps=2)
        second = train(
            replace(RECIPE, steps=1, learning_rate=0.0),
            first,
            events,
            tmp_path / "second",
            workers=0,
            progress=False,
        )
        assert_equal_weights(first, second)


class TestResume:
    @pytest.mark.parametrize("stopped_at", [1, 3, 5])
    def test_resumed_equals_uninterrupted(
        self,
        run: Callable[..., Clap],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        stopped_at: int,
    ) -> None:
        changed = {"trains": ("audio", "text", "gains", "log_scale")}
        whole = run("whole", **changed)
        with monkeypatch.context() as patch:
            stop_at(patch, stopped_at)
            with pytest.raises(KeyboardInterrupt):
                run("stopped", **changed)
        # States are written every second step.
        assert (tmp_path / "stopped" / "state.pt").exists() == (stopped_at >= 2)
        resumed = run("stopped", **changed, resume=True)
        assert_equal_weights(whole, resumed)
        assert not (tmp_path / "stopped" / "state.pt").exists()
        settings, *measured = lines(tmp_path / "stopped")
        assert "settings" in settings
        steps = [line["step"] for line in measured]
        assert [s for s in steps if s in (2, 4, 6)] == steps
        assert steps == sorted(steps)
        final = {
            name: value for name, value in measured[-1].items() if name not in ("samples_per_s", "waiting")
        }
        uninterrupted = lines(tmp_path / "whole")[-1]
        assert final == {name: uninterrupted[name] for name in final}

    def test_features_are_not_made_again(
        self, run: Callable[..., Clap], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            stop_at(patch, 3)
            with pytest.raises(KeyboardInterrupt):
                run("stopped")
        # Two steps went through all four groups.
        monkeypatch.setattr(features, "group_features", lambda *given: pytest.fail("made again"))
        run("stopped", resume=True)

    def test_an_unfinished_run_is_not_overwritten(
        self, run: Callable[..., Clap], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            stop_at(patch, 3)
            with pytest.raises(KeyboardInterrupt):
                run("stopped")
        before = (tmp_path / "stopped" / "state.pt").read_bytes()
        with pytest.raises(DataError, match=r"holds an unfinished run: continue it with --resume"):
            run("stopped")
        with pytest.raises(DataError, match="belongs to a run with other settings"):
            run("stopped", resume=True, learning_rate=0.5)
        with pytest.raises(DataError, match="belongs to a run with other settings"):
            run("stopped", resume=True, seed=1)
        assert (tmp_path / "stopped" / "state.pt").read_bytes() == before
        (tmp_path / "stopped" / "state.pt").write_bytes(before[:100])
        with pytest.raises(DataError, match="is damaged"):
            run("stopped", resume=True)

    def test_resuming_nothing_is_beginning(self, run: Callable[..., Clap]) -> None:
        assert_equal_weights(run("a", resume=True, steps=2), run("b", steps=2))


class TestFailing:
    def test_a_loss_that_is_no_number_stops_the_run(
        self, run: Callable[..., Clap], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loop, "step_loss", lambda *given: (torch.tensor(torch.nan), {}))
        with pytest.raises(ChronoclapError, match=r"step 0: the loss is nan; try a lower learning rate"):
            run("mine")
        assert not (tmp_path / "mine" / "model.safetensors").exists()

    def test_weights_that_do_not_exist(self, run: Callable[..., Clap]) -> None:
        with pytest.raises(DataError, match=r"No weight of the model begins with audio\.heads, vision"):
            run("mine", trains=("audio.heads", "vision"))


class TestBatches:
    def test_every_pass_goes_through_all_groups(
        self, tiny_clap: Clap, events: list[Event], short_vocabulary: tuple[str, ...]
    ) -> None:
        recipe = replace(RECIPE, groups=10, groups_per_step=3)
        batches = Batches(Grouper(events, recipe, 0, Sounds()), tiny_clap.model, 0)
        # Three whole batches a pass; the tenth group waits for another pass.
        passes = [np.concatenate([batches.groups(3 * p + k) for k in range(3)]).tolist() for p in range(4)]
        assert all(len(set(drawn)) == 9 and set(drawn) <= set(range(10)) for drawn in passes)
        assert len({tuple(drawn) for drawn in passes}) == 4
        assert set().union(*passes) == set(range(10))
        other = Batches(Grouper(events, recipe, 1, Sounds()), tiny_clap.model, 1)
        assert other.groups(0).tolist() != batches.groups(0).tolist()

    def test_a_batch_holds_both_orders_as_sound_and_as_words(
        self, tiny_clap: Clap, events: list[Event], short_vocabulary: tuple[str, ...]
    ) -> None:
        recipe = replace(RECIPE, sequences=1.0, overlaps=0.0, virtual_per_step=5)
        batches = Batches(Grouper(events, recipe, 0, Sounds()), tiny_clap.model, 0)
        model = tiny_clap.model.grow(3)
        batch = batches.make(7, torch.zeros(4, 4, 1024), model)
        assert len(batch.captions.texts) == 4 + 5
        assert batch.virtual.shape == (5, 144)
        claims = batch.captions.claims[:4]
        assert [claim.events[::-1] for claim in claims[::2]] == [claim.events for claim in claims[1::2]]
        assert len(batch.states) == 9 + len(batch.captions.contradictions)
        again = batches.make(7, torch.zeros(4, 4, 1024), model)
        assert again.captions == batch.captions
        assert batches.make(9, torch.zeros(4, 4, 1024), model).captions != batch.captions
        assert batch.lesson == []

    def test_who_is_taught_to_read_rehearses(
        self, tiny_clap: Clap, events: list[Event], short_vocabulary: tuple[str, ...]
    ) -> None:
        recipe = replace(RECIPE, spans=1.0, virtual_per_step=5)
        batches = Batches(Grouper(events, recipe, 0, Sounds()), tiny_clap.model, 0)
        model = tiny_clap.model.grow(3)
        batch, other = (batches.make(step, torch.zeros(4, 4, 1024), model) for step in (7, 8))
        assert len(batch.lesson) == REHEARSED
        assert batch.lesson != other.lesson
        assert batches.make(7, torch.zeros(4, 4, 1024), model).lesson == batch.lesson
        loss, measured = step_loss(recipe, model, batch)
        rehearsed, own = (
            span_loss(said, model, *model.text.read(*model.tokens([c.text for c in said])))
            for said in (batch.lesson, batch.captions.everything)
        )
        assert measured["spans"] == pytest.approx(torch.cat([rehearsed, own]).mean().item(), rel=1e-4)
        unread, _ = step_loss(replace(recipe, spans=0.0), model, batch)
        assert (loss - unread).item() == pytest.approx(measured["spans"], rel=1e-3)


class TestChooseTrained:
    def test_trunk_and_text_encoder_never_move(self, tiny_clap: Clap) -> None:
        model = tiny_clap.model.grow(3)
        trained = choose_trained(model, ("audio", "text", "gains", "log_scale"))
        assert not [name for name in trained if name.startswith(("audio.trunk", "text.encoder"))]
        assert {name.split(".")[1] for name in trained if "." in name} == {"content", "events"}
        for name, parameter in model.named_parameters():
            assert parameter.requires_grad == (name in trained)

    def test_prefixes_choose(self, tiny_clap: Clap) -> None:
        assert list(choose_trained(tiny_clap.model.grow(3), ("gains",))) == ["gains"]


class TestLearningRate:
    def test_by_hand(self) -> None:
        recipe = Recipe("mine", learning_rate=2.0, warm_up=4, steps=8)
        # Rises by quarters to step 3, times (1 + cos(pi k / 8)) / 2: 1, 0.96193977, 0.85355339, 0.69134172,
        # 0.5, 0.30865828, 0.14644661, 0.03806023
        expected = [0.5, 0.96193977, 1.28033009, 1.38268343, 1.0, 0.61731657, 0.29289322, 0.07612047]
        assert [learning_rate(recipe, step) for step in range(8)] == pytest.approx(expected, abs=1e-7)

    def test_without_warm_up_it_begins_at_the_peak(self) -> None:
        assert learning_rate(Recipe("mine", learning_rate=0.3, warm_up=0), 0) == 0.3

    def test_it_can_fall_after_each_pass_instead(self) -> None:
        recipe = Recipe("mine", learning_rate=2.0, warm_up=0, decay=0.5, groups=48, steps=9)
        assert [learning_rate(recipe, step) for step in range(9)] == [2.0] * 3 + [1.0] * 3 + [0.5] * 3


def test_features_kept_are_those_of_the_scenes_and_used_again(
    run: Callable[..., Clap],
    tiny_clap: Clap,
    events: list[Event],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = run("plain")

    def again(name: str, recipe: Recipe = RECIPE) -> Clap:
        kept = tmp_path / "kept"
        return train(recipe, tiny_clap, events, tmp_path / name, workers=0, features=kept, progress=False)

    assert torch.equal(again("first").model.gains, expected.model.gains)
    monkeypatch.setattr(features, "group_features", None)  # which would be called
    assert torch.equal(again("second").model.gains, expected.model.gains)
    again("control", replace(RECIPE, name="control", temporal_weight=0.0))
    with pytest.raises(TypeError):
        again("other scenes", replace(RECIPE, sequences=0.5))
    assert not (tmp_path / "plain" / "features").exists()

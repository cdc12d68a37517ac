"""Curves of T-Classify: what is played at each point, what is scored, and the picture."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tone_world import Ear, heard, loudness, one_hot

from chronoclap.audio import Waveform
from chronoclap.errors import ChronoclapError, DataError
from chronoclap.evaluation.items import Pair, draw_pairs
from chronoclap.evaluation.reports.sweep_plots import draw_sweeps, plot_sweeps
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.tasks.sweeps import (
    SWEEPS,
    apart,
    evaluate,
    first_pairs,
    lasting,
    overlapped,
    sweep_sounds,
    unlike,
)
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import Sounds

GAP, OVERLAP, LEVEL, LENGTH = SWEEPS
RATE = 1000
METRICS = ("audio_to_text", "text_to_audio", "joint")


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


@pytest.fixture
def pairs(events: list[Event]) -> list[Pair]:
    return draw_pairs(events, 4)


@pytest.mark.parametrize("seconds", GAP.points)
def test_a_gap_is_silence_between_the_sounds(seconds: float) -> None:
    played = apart(noise(700), noise(900, 1), seconds, RATE)
    gap = round(1000 * seconds)
    assert len(played) == 1600 + gap
    assert not played[700 : 700 + gap].any()
    assert decibels(played[:700]) == pytest.approx(-23, abs=0.01)
    assert decibels(played[700 + gap :]) == pytest.approx(-23, abs=0.01)


@pytest.mark.parametrize("share", OVERLAP.points)
@pytest.mark.parametrize(("first", "second"), [(700, 700), (300, 2000), (2000, 300)])
def test_an_overlap_leaves_a_first_and_a_second(share: float, first: int, second: int) -> None:
    one, other = np.ones(first, np.float32), -np.ones(second, np.float32)
    played = overlapped(one, other, share, RATE)
    alone = len(played) - np.count_nonzero(played == 0)  # the two cancel out where both sound
    shared = round(share * min(first, second))
    assert len(played) == first + second - shared
    assert alone == first + second - 2 * shared
    # What the text claims: who begins first, and it ends first too.
    onset, end = first - shared, first
    assert onset >= (1 - share) * first - 0.5
    assert len(played) - end >= (1 - share) * second - 0.5
    assert (played[:onset] > 0).all()
    assert (played[end:] < 0).all()
    assert min(onset, len(played) - end) > 0


@pytest.mark.parametrize("difference", LEVEL.points)
def test_levels_differ_by_what_is_said(difference: float) -> None:
    played = unlike(0.01 * noise(700), noise(900, 1), difference, RATE)
    first, second = decibels(played[:700]), decibels(played[700:])
    assert first - second == pytest.approx(difference, abs=0.01)
    assert first + second == pytest.approx(-46, abs=0.01)


def test_lengths_go_from_a_quarter_of_a_second_to_half_a_minute() -> None:
    assert (min(LENGTH.points), max(LENGTH.points)) == (0.25, 30.0)


@pytest.mark.parametrize("seconds", LENGTH.points)
def test_a_short_sound_goes_on_and_a_long_one_is_cut(seconds: float) -> None:
    short, long, count = noise(700), noise(40_000, 1), round(1000 * seconds)
    played = lasting(short, long, seconds, RATE)
    assert len(played) == 2 * count
    gain = played[0] / short[0]
    np.testing.assert_allclose(played[:count], gain * np.tile(short, 50)[:count], rtol=1e-5)
    np.testing.assert_allclose(played[count:], played[count] / long[0] * long[:count], rtol=1e-5)


def test_three_seconds_are_heard_and_silence_stays_silent() -> None:
    for join in (apart, overlapped, unlike):
        assert len(join(noise(9000), noise(400), 0.0, RATE)) == 3400
        assert not join(np.zeros(500, np.float32), np.zeros(400, np.float32), 0.0, RATE).any()


def test_curves_meet_where_nothing_is_changed(pairs: list[Pair], sounds: Sounds) -> None:
    plain = [list(sweep_sounds(replace(s, points=(0.0,)), pairs, sounds)) for s in (GAP, OVERLAP, LEVEL)]
    for gap, overlap, level in zip(*plain, strict=True):
        np.testing.assert_array_equal(gap.samples, overlap.samples)
        np.testing.assert_array_equal(gap.samples, level.samples)
        assert gap.rate == sounds.rate


def test_both_orders_of_each_pair_are_played_at_each_point(pairs: list[Pair], sounds: Sounds) -> None:
    orders = [
        order
        for _ in GAP.points
        for pair in pairs
        for order in (
            [pair.first.phrase, pair.second.phrase],
            [pair.second.phrase, pair.first.phrase],
        )
    ]
    louder = (Waveform(2 * samples, rate) for samples, rate in sweep_sounds(GAP, pairs, sounds))
    assert [heard(sound) for sound in louder] == orders


def test_full_scale_is_kept_by_one_gain_for_both_orders(pairs: list[Pair], sounds: Sounds) -> None:
    def loud(first: np.ndarray, second: np.ndarray, at: float, rate: int) -> np.ndarray:
        return np.full(8, 4.0 if first is a else 2.0, np.float32)

    pair, sweep = pairs[0], replace(GAP, points=(0.0,), join=loud)
    a = sounds.samples(pair.first)
    one, other = sweep_sounds(sweep, [pair], sounds)
    assert (one.samples.max(), other.samples.max()) == (1.0, 0.5)
    quiet = replace(sweep, join=lambda *_: np.full(8, 0.25, np.float32))
    assert {sound.samples.max() for sound in sweep_sounds(quiet, [pair], sounds)} == {0.25}


def test_the_first_pairs_are_those_of_a_smaller_draw(events: list[Event]) -> None:
    many = draw_pairs(events, 9, 3)
    assert first_pairs(many, 4) == draw_pairs(events, 4, 3)
    assert first_pairs(many[::-1][:9], 100) == many[::-1][:9]


class Patient(Ear):
    """Loses the order where more than half a second is silent."""

    def _embed(self, item: Waveform) -> np.ndarray:
        samples, rate = item
        silent = np.abs(samples).max() / 100 > np.abs(samples)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], silent, [0]])))
        names = heard(Waveform(samples / np.abs(samples).max(), rate))
        both = sum(map(one_hot, (names[0], names[-1]))) / 2
        if (edges[1::2] - edges[::2]).max(initial=0) > 0.7 * rate:  # the spans' own silent ends are in it
            return np.concatenate([both, both, 0 * both, [0]]).astype(np.float32)
        return np.concatenate([one_hot(names[0]), one_hot(names[-1]), 0 * both, [0]])


def test_a_curve_falls_where_a_model_loses_the_order(pairs: list[Pair], sounds: Sounds) -> None:
    ear = Patient()
    rows = evaluate(ear, pairs, sounds, n_pairs=2)
    assert [(row.task, row.at, row.metric) for row in rows] == [
        (sweep.task, at, metric) for sweep in SWEEPS for at in sweep.points for metric in METRICS
    ]
    assert {(row.slice, row.n, row.model) for row in rows} == {("all", 6, "ear")}
    assert {(row.metric, row.chance) for row in rows} == {
        ("audio_to_text", 1 / 2),
        ("text_to_audio", 1 / 2),
        ("joint", 1 / 6),
    }
    curve = {row.at: row.value for row in rows if row.task == "sweep_gap" and row.metric == "joint"}
    assert curve == {0.0: 1, 0.25: 1, 0.5: 1, 1.0: 0, 2.0: 0, 4.0: 0}
    assert ear.sounds == 2 * 6 * sum(len(sweep.points) for sweep in SWEEPS)


class Weighing(Ear):
    """Hears no order: how loud each tone is, and which name comes first."""

    def _embed(self, item: Waveform) -> np.ndarray:
        levels = loudness(Waveform(item.samples / np.abs(item.samples).max(), item.rate)).sum(axis=0)
        return (levels / np.linalg.norm(levels)).astype(np.float32)

    def _read(self, text: str) -> np.ndarray:
        first, second = text.split(" followed by ")
        return one_hot(first) + one_hot(second) / 2


def test_a_taste_for_the_louder_sound_is_no_sense_of_order(pairs: list[Pair], sounds: Sounds) -> None:
    rows = evaluate(Weighing(), pairs, sounds, n_pairs=2)
    curve = {row.at: row.value for row in rows if row.task == "sweep_level" and row.metric == "audio_to_text"}
    assert curve[18.0] == 1
    assert curve[-18.0] == 0


def curves(*models: str) -> list[Row]:
    return [
        Row(model, sweep.task, metric, "all", 0.7, 0.6, 0.8, 0.5, 24, at)
        for model in models
        for sweep in SWEEPS
        for at in sweep.points[::-1]
        for metric in METRICS
    ]


def test_a_picture_has_a_panel_for_each_sweep(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_sweeps(curves("before", "after"), tmp_path / "curves.svg")
    drawing = (tmp_path / "curves.svg").read_text()
    labels = ("before", "after", "chance", "audio_to_text", *(sweep.task for sweep in SWEEPS))
    assert all(f"<!-- {label} -->" in drawing for label in labels)


def test_only_what_was_swept_is_drawn_and_every_model_is_named() -> None:
    pytest.importorskip("matplotlib")
    rows = [row for row in curves("before") if row.task == "sweep_level"]
    rows += [row for row in curves("after") if row.task == "sweep_length"]
    figure = draw_sweeps([*rows, replace(rows[0], task="t_classify", at=None)])
    assert [axes.get_title() for axes in figure.axes] == ["sweep_level", "sweep_length"]
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["before", "chance", "after"]
    line = figure.axes[0].get_lines()[0]
    assert tuple(line.get_xdata()) == LEVEL.points


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="'recall'"):
        draw_sweeps(curves("before"), "recall")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ChronoclapError, match=r"chronoclap\[plots\]"):
        plot_sweeps(curves("before"), tmp_path / "curves.png")

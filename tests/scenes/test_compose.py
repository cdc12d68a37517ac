from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from array_sounds import Arrays, event
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap.errors import DataError
from chronoclap.scenes import (
    NATURAL,
    PLAIN,
    TEMINAL,
    Layout,
    Placement,
    Scene,
    compose,
    invert,
    overlay,
    render,
)
from chronoclap.scenes.compose import LEVEL_DBFS

NAMES = "abc"
LAYOUTS = {
    "natural": NATURAL,
    "crossfaded": replace(NATURAL, crossfade_chance=1.0, crossfade=(0.1, 2.0)),
    "tight": replace(NATURAL, seconds=1.5, gap=(0.1, 3.0)),
    "loose overlap": replace(NATURAL, overlap=(0.5, 0.6), seconds=6.0),
    "aligned": replace(NATURAL, aligned=True, short_seconds=3.0),
}


def rms_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def test_plain_is_exactly_a_concatenation(arrays, make_event):
    sounds = arrays({"a": 6.2, "b": 5.0}, rate=1600)
    a, b = make_event("a"), make_event("b")
    scene = compose([a, b], "sequence", PLAIN, sounds, seed=3)
    expected = np.concatenate([sounds.samples(a)[:8000], sounds.samples(b)])
    np.testing.assert_array_equal(render(scene, sounds), expected)
    np.testing.assert_array_equal(
        render(invert(scene), sounds), np.concatenate([expected[8000:], expected[:8000]])
    )


def test_plain_with_short_events_fills_with_silence(arrays, make_event):
    sounds = arrays({"a": 1.3, "b": 0.7})
    scene = compose([make_event("a"), make_event("b")], "sequence", PLAIN, sounds, seed=0)
    pieces = [sounds.arrays["a"], sounds.arrays["b"]]
    np.testing.assert_array_equal(
        render(scene, sounds), np.concatenate([*pieces, np.zeros(8000, np.float32)])
    )


def test_teminal_overlay_is_five_seconds_and_a_plain_sum(arrays, make_event):
    sounds = arrays({"a": 5.0, "b": 4.0})
    a, b = make_event("a"), make_event("b")
    scene = compose([a, b], "overlap", TEMINAL, sounds, seed=1)
    expected = sounds.arrays["a"].copy()
    expected[:4000] += sounds.arrays["b"]
    np.testing.assert_array_equal(render(scene, sounds), expected)
    assert compose([a], "single", TEMINAL, sounds, seed=1).seconds == 5
    joined = compose([a, b], "sequence", TEMINAL, sounds, seed=1)
    assert joined.seconds == 10
    np.testing.assert_array_equal(render(overlay(joined, seconds=5), sounds), expected)


@settings(max_examples=120, deadline=None)
@given(
    layout=st.sampled_from(sorted(LAYOUTS)),
    lengths=st.lists(st.floats(0.05, 12), min_size=1, max_size=3),
    together=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_every_seed_gives_a_fitting_scene_of_the_relation_asked(layout, lengths, together, seed):
    sounds = Arrays({name: np.ones(max(1, round(s * 1000))) for name, s in zip(NAMES, lengths, strict=False)})
    events = [event(name) for name in NAMES[: len(lengths)]]
    relation = "single" if len(events) == 1 else "overlap" if together else "sequence"
    scene = compose(events, relation, LAYOUTS[layout], sounds, seed)
    assert scene.relation == relation
    assert scene == compose(events, relation, LAYOUTS[layout], sounds, seed)
    if relation == "sequence":
        assert list(scene.events) == events
    chosen = LAYOUTS[layout]
    limit = chosen.seconds if relation == "sequence" else chosen.short_seconds or chosen.seconds
    assert scene.seconds == limit
    for placement in scene.placements:
        available = sounds.seconds(placement.event)
        least = min(chosen.length[0], available)
        assert least - 1e-5 <= placement.duration <= min(chosen.length[1], available) + 1e-5
        assert placement.offset + placement.duration <= available + 1e-5
        assert chosen.gain_db[0] <= placement.gain_db <= chosen.gain_db[1]
        assert placement.end <= limit + 1e-5
    if relation == "sequence":
        for one, two in pairwise(scene.in_order):
            assert two.onset - one.end >= -chosen.crossfade[1] - 1e-5


def test_natural_uses_its_ranges(arrays, make_event):
    sounds = arrays({"a": 8.0, "b": 8.0})
    events = [make_event("a"), make_event("b")]
    scenes = [compose(events, "sequence", NATURAL, sounds, seed) for seed in range(150)]
    gaps = np.array([s.in_order[1].onset - s.in_order[0].end for s in scenes])
    assert 0.15 < np.mean(gaps < 0) < 0.35  # a quarter of the joints cross-fade
    assert gaps.max() > 0.9
    assert gaps.min() < -0.2
    lengths = np.array([p.duration for s in scenes for p in s.placements])
    assert lengths.min() < 0.5
    assert lengths.max() > 4.5
    gains = np.array([p.gain_db for s in scenes for p in s.placements])
    assert gains.min() < -5
    assert gains.max() > 5


def test_overlap_keeps_its_share(arrays, make_event):
    sounds = arrays({"a": 3.0, "b": 1.0})
    layout = replace(NATURAL, overlap=(0.8, 0.8), length=(3.0, 3.0))
    shares = []
    for seed in range(60):
        one, two = compose([make_event("a"), make_event("b")], "overlap", layout, sounds, seed).in_order
        shares.append(min(one.end, two.end) - max(one.onset, two.onset))
    assert min(shares) >= 0.8 - 1e-5  # of the shorter one, 1 s long
    assert min(shares) < 0.95
    assert max(shares) == pytest.approx(1)


def test_levels_are_common_before_the_gain(make_event):
    rng = np.random.default_rng(0)
    sounds = Arrays({"a": rng.uniform(-0.9, 0.9, 1000), "b": rng.uniform(-0.01, 0.01, 1000)})
    scene = Scene(
        (Placement(make_event("a"), 0, 1, gain_db=0.0), Placement(make_event("b"), 1, 1, gain_db=-6.0)), 2
    )
    wave = render(scene, sounds)
    assert rms_db(wave[:1000]) == pytest.approx(LEVEL_DBFS, abs=0.01)
    assert rms_db(wave[1000:]) == pytest.approx(LEVEL_DBFS - 6, abs=0.01)


def test_silence_is_not_amplified(make_event):
    sounds = Arrays({"a": np.zeros(1000), "b": np.full(1000, 1e-6)})
    scene = Scene((Placement(make_event("a"), 0, 1), Placement(make_event("b"), 1, 1)), 2)
    wave = render(scene, sounds)
    assert not wave[:1000].any()
    assert wave[1000:].max() == pytest.approx(1e-4, rel=1e-3)  # 40 dB, the most


def test_peaks_are_limited_by_one_common_gain(make_event):
    sounds = Arrays({"a": np.full(1000, 0.8), "b": np.full(1000, 0.6)})
    placed = (
        Placement(make_event("a"), 0, 1, gain_db=None),
        Placement(make_event("b"), 0, 0.5, gain_db=None),
    )
    wave = render(Scene(placed, 1), sounds)
    np.testing.assert_allclose(wave[:500], 1.0, rtol=1e-6)
    np.testing.assert_allclose(wave[500:], 0.8 / 1.4, rtol=1e-6)


def test_cross_fade_of_equal_sounds_adds_up_to_one(make_event):
    sounds = Arrays({"a": np.full(1000, 0.5), "b": np.full(1000, 0.5)})
    placed = (
        Placement(make_event("a"), 0, 1, gain_db=None, fade=0.2),
        Placement(make_event("b"), 0.8, 1, gain_db=None, fade=0.2),
    )
    wave = render(Scene(placed, 2), sounds)
    np.testing.assert_allclose(wave[200:1600], 0.5, atol=1e-6)
    assert np.all(np.diff(wave[:200]) > 0)
    assert np.all(np.diff(wave[1600:1800]) < 0)
    assert not wave[1800:].any()


def test_offset_enters_the_recording_later(arrays, make_event):
    sounds = arrays({"a": 2.0})
    scene = Scene((Placement(make_event("a"), 0.25, 0.5, offset=1.0, gain_db=None),), 1)
    wave = render(scene, sounds)
    np.testing.assert_array_equal(wave[250:750], sounds.arrays["a"][1000:1500])
    assert not wave[:250].any()
    assert not wave[750:].any()


def test_rendering_is_pure(arrays, make_event):
    sounds = arrays({"a": 3.0, "b": 2.0})
    before = {name: array.copy() for name, array in sounds.arrays.items()}
    scene = compose([make_event("a"), make_event("b")], "sequence", NATURAL, sounds, seed=5)
    first = render(scene, sounds)
    np.testing.assert_array_equal(first, render(scene, sounds))
    assert first.dtype == np.float32
    assert first.shape == (10_000,)
    for name, array in before.items():
        np.testing.assert_array_equal(array, sounds.arrays[name])


def test_what_cannot_be_composed_says_why(arrays, make_event):
    sounds = arrays({"a": 6.0, "b": 6.0, "c": 6.0})
    a, b, c = (make_event(name) for name in NAMES)
    with pytest.raises(DataError, match="at least 15"):
        compose([a, b, c], "sequence", PLAIN, sounds, 0)
    with pytest.raises(DataError, match="'single'"):
        compose([a, b], "single", PLAIN, sounds, 0)
    with pytest.raises(DataError, match="'single'"):
        compose([a], "overlap", PLAIN, sounds, 0)
    with pytest.raises(DataError, match=r"Layout\.gap"):
        Layout(gap=(1.0, 0.5))
    with pytest.raises(DataError, match=r"Layout\.overlap"):
        Layout(overlap=(0.3, 1.0))

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap.audio import cut_windows, fill
from chronoclap.errors import AudioError


def test_windows_worked_by_hand():
    samples = np.arange(25, dtype=np.float32)
    windows = cut_windows(samples, 10, window=1.0, hop=0.5)
    assert [(w.start, w.end) for w in windows] == [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0), (1.5, 2.5)]
    assert windows[1].samples.tolist() == list(range(5, 15))


def test_last_window_is_aligned_to_the_end():
    windows = cut_windows(np.arange(23, dtype=np.float32), 10, window=1.0, hop=1.0)
    assert [(w.start, w.end) for w in windows] == [(0.0, 1.0), (1.0, 2.0), (1.3, 2.3)]
    assert windows[-1].samples.tolist() == list(range(13, 23))


@pytest.mark.parametrize("n", [1, 9, 10])
def test_short_recording_is_one_unfilled_window(n):
    (window,) = cut_windows(np.ones(n, np.float32), 10, window=1.0, hop=0.5)
    assert (window.start, window.end, window.samples.size) == (0.0, n / 10, n)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 300), length=st.integers(1, 60), hop=st.integers(1, 60))
def test_every_sample_is_in_a_window_and_every_window_in_its_place(n, length, hop):
    rate, hop = 10, min(hop, length)
    samples = np.arange(n, dtype=np.float32)
    windows = cut_windows(samples, rate, length / rate, hop / rate)
    assert set(np.concatenate([w.samples for w in windows])) == set(samples)
    starts = [round(w.start * rate) for w in windows]
    assert starts == sorted(set(starts))
    assert all(b - a <= hop for a, b in pairwise(starts))
    for start, window in zip(starts, windows, strict=True):
        assert window.samples.size == min(length, n)
        np.testing.assert_array_equal(window.samples, samples[start : start + window.samples.size])
        assert window.end == pytest.approx((start + window.samples.size) / rate)


@pytest.mark.parametrize(("window", "hop"), [(1.0, 1.5), (1.0, 0.0), (1.0, -1.0), (0.0, 0.0)])
def test_windows_that_lose_sound_or_never_advance(window, hop):
    with pytest.raises(AudioError, match="choose 0 < hop <= window"):
        cut_windows(np.zeros(100, np.float32), 10, window, hop)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("silence", [1, 2, 3, 0, 0, 0, 0, 0]),
        ("repeat", [1, 2, 3, 1, 2, 3, 1, 2]),
        ("repeatpad", [1, 2, 3, 1, 2, 3, 0, 0]),
    ],
)
def test_fill_policies(policy, expected):
    filled = fill(np.array([1, 2, 3], np.float32), 8, policy)
    assert filled.dtype == np.float32
    assert filled.tolist() == expected


def test_silence_is_the_default_fill():
    assert fill(np.ones(1, np.float32), 3).tolist() == [1, 0, 0]


@pytest.mark.parametrize("policy", ["silence", "repeat", "repeatpad"])
def test_fill_leaves_what_fits_and_survives_nothing(policy):
    samples = np.arange(5, dtype=np.float32)
    assert fill(samples, 5, policy) is samples
    assert fill(np.empty(0, np.float32), 3, policy).tolist() == [0, 0, 0]


@pytest.mark.parametrize("length", [7_001, 20_000, 48_000])
@pytest.mark.parametrize("policy", ["repeat", "repeatpad"])
def test_repeats_equal_the_hugging_face_extractor(length, policy):
    transformers = pytest.importorskip("transformers")
    extractor = transformers.ClapFeatureExtractor(truncation="rand_trunc", padding=policy)
    samples = np.random.default_rng(0).standard_normal(7_000).astype(np.float32)
    theirs, _ = extractor._get_input_mel(samples, length, "rand_trunc", policy)
    filled = fill(samples, length, policy)
    ours = extractor._np_extract_fbank_features(filled, extractor.mel_filters_slaney)
    np.testing.assert_array_equal(ours, theirs[0])


def test_what_does_not_fit_or_is_unknown_is_refused():
    with pytest.raises(AudioError, match="4 samples do not fit into 3; cut"):
        fill(np.zeros(4, np.float32), 3)
    with pytest.raises(AudioError, match=r"unknown fill policy 'loop'; .* silence, repeat, repeatpad"):
        fill(np.zeros(2, np.float32), 3, "loop")  # type: ignore[arg-type]

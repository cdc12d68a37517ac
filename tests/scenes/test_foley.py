"""The synthetic sounds: deterministic, well-formed, the same sound at every rate."""

import numpy as np
import pytest

from chronoclap.errors import DataError
from chronoclap.scenes.foley import FOLEY, synthesise
from chronoclap.scenes.foley.dsp import RATE, band, count, modes, noise, place, resample, strike, tone

NAMES = sorted(FOLEY)


@pytest.fixture(scope="module")
def takes() -> dict[str, np.ndarray]:
    return {name: synthesise(name, 3) for name in NAMES}


def octaves(samples: np.ndarray, rate: int) -> np.ndarray:
    """Share of the power in each octave from 62.5 Hz to 8 kHz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    f = np.fft.rfftfreq(len(samples), 1 / rate)
    edges = 62.5 * 2.0 ** np.arange(8)
    shares = np.array([power[(f >= low) & (f < 2 * low)].sum() for low in edges[:-1]])
    return shares / shares.sum()


def test_there_are_enough_sounds_and_every_phrase_is_its_own() -> None:
    assert len(FOLEY) >= 28
    assert len(set(FOLEY.values())) == len(FOLEY)
    assert all(phrase == phrase.strip().lower() and phrase for phrase in FOLEY.values())


def test_the_list_of_sounds_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        FOLEY["rain"] = "snow"  # type: ignore[index]


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_is_a_finite_mono_waveform_of_one_to_five_seconds(
    name: str, takes: dict[str, np.ndarray]
) -> None:
    x = takes[name]
    assert x.dtype == np.float32
    assert x.ndim == 1
    assert 16000 <= len(x) <= 5 * 16000
    assert np.isfinite(x).all()
    assert 0.4 <= np.abs(x).max() <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_both_ends_are_near_silence(name: str, takes: dict[str, np.ndarray]) -> None:
    x = takes[name]
    assert np.abs(x[:4]).max() < 0.02
    assert np.abs(x[-16:]).max() < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_means_one_sound_and_another_seed_another(name: str, takes: dict[str, np.ndarray]) -> None:
    x = takes[name]
    np.testing.assert_array_equal(synthesise(name, 3), x)
    other = synthesise(name, 4)
    n = min(len(x), len(other))
    assert np.abs(np.corrcoef(x[:n], other[:n])[0, 1]) < 0.9


@pytest.mark.parametrize("name", NAMES)
def test_another_rate_keeps_duration_and_spectrum(name: str, takes: dict[str, np.ndarray]) -> None:
    x, fine = takes[name], synthesise(name, 3, 48000)
    assert len(fine) / 48000 == pytest.approx(len(x) / 16000, abs=1e-3)
    # The last octave touches the Nyquist frequency of the lower rate, where its filter may differ.
    np.testing.assert_allclose(octaves(fine, 48000)[:-1], octaves(x, 16000)[:-1], atol=0.02)


def test_names_differ_even_with_one_seed() -> None:
    assert not np.array_equal(synthesise("rain", 0)[:16000], synthesise("wind", 0)[:16000])


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(DataError, match=r"'silence'.*rain"):
        synthesise("silence", 0)


def test_a_band_keeps_what_lies_inside_and_removes_what_lies_outside() -> None:
    t = np.arange(RATE) / RATE
    low, middle, high = (np.sin(2 * np.pi * f * t) for f in (50, 1000, 12000))
    out = band(low + middle + high, 300, 3000, 4)
    inner = slice(RATE // 4, 3 * RATE // 4)
    np.testing.assert_allclose(out[inner], middle[inner], atol=0.02)


def test_coloured_noise_falls_by_its_slope() -> None:
    shares = octaves(noise(np.random.default_rng(0), 4.0, 1.0), RATE)
    # Pink noise has equal power in every octave.
    np.testing.assert_allclose(shares, np.full(7, 1 / 7), atol=0.02)


def test_modes_are_damped_sines() -> None:
    t = np.arange(count(0.5)) / RATE
    expected = 0.7 * np.exp(-t / 0.1) * np.sin(2 * np.pi * 440 * t) + 0.2 * np.exp(-t / 0.03) * np.sin(
        2 * np.pi * 1234 * t
    )
    np.testing.assert_allclose(
        modes(0.5, [440, 1234, 99999], [0.1, 0.03, 1], [0.7, 0.2, 1]), expected, atol=1e-4
    )


def test_a_tone_has_its_pitch_and_nothing_above_the_nyquist_frequency() -> None:
    x = tone(np.full(RATE, 5000.0), np.ones(10))
    power = np.abs(np.fft.rfft(x)) ** 2
    assert set(np.flatnonzero(power > 1e-3 * power.max())) == {5000, 10000, 15000}


def test_grains_land_where_they_are_put_and_stop_at_the_end() -> None:
    out = place(0.001, [0.0, 0.0005, 0.00075], [np.array([1.0, 2.0]), np.array([3.0]), np.full(100, 4.0)])
    expected = np.zeros(32)
    expected[:2], expected[16], expected[24:] = (1.0, 2.0), 3.0, 4.0
    np.testing.assert_array_equal(out, expected)


def test_a_strike_rises_once_and_falls() -> None:
    steps = np.sign(np.diff(strike(0.3, 0.002, 0.05)))
    assert (np.diff(steps) <= 0).all()


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_resampling_keeps_a_sine(rate: int) -> None:
    seconds = 0.5
    x = np.sin(2 * np.pi * 1000 * np.arange(count(seconds)) / RATE)
    y = resample(x, rate)
    assert len(y) == round(seconds * rate)
    expected = np.sin(2 * np.pi * 1000 * np.arange(len(y)) / rate)
    inner = slice(len(y) // 4, 3 * len(y) // 4)
    np.testing.assert_allclose(y[inner], expected[inner], atol=0.01)

import pickle

import numpy as np
import pytest
import soundfile

from chronoclap.audio import active_span, read_audio
from chronoclap.errors import DataError
from chronoclap.scenes import Event, Sounds
from chronoclap.scenes.foley import FOLEY, synthesise

RATE = 8000


@pytest.fixture
def noise_file(tmp_path):
    def write(name: str, seconds: float, peak: float = 0.5) -> Event:
        rng = np.random.default_rng(len(name))
        quiet = np.zeros(RATE)
        wave = np.concatenate([quiet, rng.uniform(-peak, peak, round(seconds * RATE)), quiet])
        file = tmp_path / f"{name}.wav"
        soundfile.write(file, wave, RATE, subtype="FLOAT")
        return Event(name, str(file), name)

    return write


def test_silent_ends_are_cut(noise_file):
    event = noise_file("bang", 1.5)
    sounds = Sounds(RATE)
    assert 1.4 < sounds.seconds(event) < 1.8  # of 3.5 s in all
    whole = read_audio(event.recording, RATE)
    start, end = active_span(whole, RATE)
    np.testing.assert_array_equal(sounds.samples(event), whole[start:end])


def test_peaks_beyond_one_are_scaled(noise_file):
    assert np.abs(Sounds(RATE).samples(noise_file("loud", 1.0, peak=3.0))).max() == pytest.approx(1)


def test_foley_recordings_are_synthesised():
    name = next(iter(FOLEY))
    event = Event(FOLEY[name], f"foley:{name}:3", "x")
    samples = Sounds(RATE).samples(event)
    whole = synthesise(name, 3, rate=RATE)
    start, end = active_span(whole, RATE)
    np.testing.assert_array_equal(samples, whole[start:end])
    assert not samples.flags.writeable


@pytest.mark.parametrize("recording", ["foley:no such sound:1", "foley:rain", "foley:rain:x"])
def test_unknown_foley_recordings_are_named(recording):
    with pytest.raises(DataError, match="synthetic sound"):
        Sounds(RATE).samples(Event("rain", recording, "x"))


def test_what_is_kept_stays_within_the_limit_and_the_oldest_leaves(noise_file):
    events = [noise_file(name, 1.0) for name in ("a", "bb", "ccc")]
    one = Sounds(RATE).samples(events[0]).nbytes
    sounds = Sounds(RATE, limit_mb=2.5 * one / 1e6)
    a, b = sounds.samples(events[0]), sounds.samples(events[1])
    assert sounds.samples(events[0]) is a  # used again: b is now the oldest
    sounds.samples(events[2])
    assert sounds.samples(events[0]) is a
    assert sounds.samples(events[1]) is not b


def test_pickling_drops_what_is_kept_and_keeps_the_settings(noise_file):
    event = noise_file("a", 2.0)
    sounds = Sounds(RATE, limit_mb=7)
    kept = sounds.samples(event)
    packed = pickle.dumps(sounds)
    assert len(packed) < kept.nbytes / 10
    again = pickle.loads(packed)
    assert (again.rate, again.limit_mb) == (RATE, 7)
    np.testing.assert_array_equal(again.samples(event), kept)

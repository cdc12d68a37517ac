import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap.audio import Waveform, decode, read_audio, resample
from chronoclap.errors import AudioError

RATE = 16_000
LOSSY = {"a.ogg": ("OGG", "VORBIS"), "a.opus": ("OGG", "OPUS"), "a.mp3": ("MP3", None)}


def tone(seconds: float = 1.0, rate: int = RATE, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def noise(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))).astype(np.float32)


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def without_first_frame(path: Path) -> None:
    """Take the length tag away from a 48 kHz MP3: the whole first frame, 144 bytes per bit/s per Hz."""
    data = path.read_bytes()
    kbits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[data[2] >> 4]
    second = 144 * kbits // 48
    assert data[second : second + 2] == data[:2]
    path.write_bytes(data[second:])


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "PCM_16"), ("a.wav", "FLOAT"), ("a.flac", None), ("a.aiff", None)]
)
def test_lossless_files_come_back_as_written(tmp_path, name, subtype):
    path, samples = tmp_path / name, noise()
    soundfile.write(path, samples, RATE, subtype=subtype)
    waveform = decode(path)
    assert isinstance(waveform, Waveform)
    assert waveform.rate == RATE
    assert waveform.samples.dtype == np.float32
    assert waveform.samples.shape == samples.shape
    np.testing.assert_allclose(waveform.samples, samples, atol=1 / 2**15)


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_files_keep_length_and_sound(tmp_path, name):
    path, samples = tmp_path / name, tone(2.0)
    file_format, subtype = LOSSY[name]
    soundfile.write(path, samples, RATE, format=file_format, subtype=subtype)
    decoded = decode(path)
    assert decoded.rate == RATE
    assert abs(decoded.samples.size - samples.size) <= 0.05 * RATE
    middle = slice(RATE // 2, 3 * RATE // 2)
    correlation = np.correlate(decoded.samples[middle], samples[middle], "same").max()
    assert correlation > 0.98 * np.sum(samples[middle] ** 2)


def test_string_and_path_are_the_same(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(), RATE)
    np.testing.assert_array_equal(read_audio(str(path), RATE), read_audio(path, RATE))


def test_eight_channels_are_averaged(tmp_path):
    path = tmp_path / "eight.wav"
    channels = np.stack([np.full(100, level) for level in (0.8, 0, 0, 0, 0, 0, 0, -0.4)], axis=1)
    soundfile.write(path, channels, RATE, subtype="FLOAT")
    np.testing.assert_allclose(decode(path).samples, np.full(100, 0.05), atol=1e-7)
    np.testing.assert_allclose(read_audio((channels, RATE), RATE), np.full(100, 0.05), atol=1e-7)


def test_8_khz_file_keeps_its_pitch(tmp_path):
    path = tmp_path / "low.wav"
    soundfile.write(path, tone(1.0, 8_000), 8_000)
    samples = read_audio(path, 48_000)
    assert samples.shape == (48_000,)
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 440


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_one_sample_stays_a_sample(tmp_path, rate):
    path = tmp_path / "one.wav"
    soundfile.write(path, np.array([0.25]), RATE, subtype="FLOAT")
    assert decode(path).samples.tolist() == [0.25]
    samples = read_audio(path, rate)
    assert samples.shape == (max(1, rate // RATE),)
    assert np.isfinite(samples).all()


def test_one_sample_that_the_resampler_would_drop_is_kept():
    assert soxr.resample(np.ones(1, np.float32), 96_000, RATE).size == 0
    assert read_audio((np.array([0.25], np.float32), 96_000), RATE).tolist() == [0.25]


def test_silence_is_fine(tmp_path):
    path = tmp_path / "silent.flac"
    soundfile.write(path, np.zeros(4_000), 8_000)
    np.testing.assert_array_equal(read_audio(path, RATE), np.zeros(8_000, np.float32))


def test_missing_file():
    with pytest.raises(AudioError, match=r"nowhere\.wav: there is no such file; check the path"):
        decode("nowhere.wav")


def test_folder(tmp_path):
    with pytest.raises(AudioError, match=r"this is a folder; give the path of one recording"):
        decode(tmp_path)


def test_empty_file(tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(AudioError, match=r"empty\.wav: the file is empty \(0 bytes\)"):
        decode(path)


def test_file_without_samples(tmp_path):
    path = tmp_path / "none.wav"
    soundfile.write(path, np.empty(0), RATE)
    with pytest.raises(AudioError, match=r"none\.wav: the file holds no samples"):
        decode(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.wav", b"These are words, not sound. " * 200),
        ("clip.m4a", b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom\x00\x00\x00\x00" + bytes(5_000)),
        ("samples.raw", bytes(5_000)),
    ],
)
def test_what_is_not_read_is_refused_with_the_formats_that_are(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(AudioError, match=rf"{name}: .*reads WAV, FLAC, OGG .*MP3.*to WAV or FLAC helps"):
        decode(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_in_a_file(tmp_path, bad):
    path, samples = tmp_path / "bad.wav", np.zeros((5 * RATE, 2))
    samples[4 * RATE + 800, 1] = bad
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"bad\.wav: a sample at 4\.050 s is NaN or infinite"):
        read_audio(path, RATE)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.au", "a.w64", "a.rf64", "a.mp3"])
def test_truncated_file_says_how_much_is_left(tmp_path, name):
    path = tmp_path / name
    soundfile.write(path, noise(4.0), RATE, format=name[2:])
    decode(path)
    with pytest.raises(AudioError, match=rf"{name}: the file is cut off .*: [0-3]\.\d+ s of 4\.\d\d s"):
        decode(cut(path, 0.5))


@pytest.mark.parametrize("name", ["a.ogg", "a.opus"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.995])
def test_truncated_ogg(tmp_path, name, share):
    path = tmp_path / name
    file_format, subtype = LOSSY[name]
    soundfile.write(path, noise(8.0), RATE, format=file_format, subtype=subtype)
    decode(path)
    with pytest.raises(AudioError, match=rf"{name}: the file is cut off or damaged: \d+\.\d+ s can be read"):
        decode(cut(path, share))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3"])
def test_file_cut_within_its_header(tmp_path, name):
    path = tmp_path / name
    file_format, subtype = LOSSY.get(name, (None, None))
    soundfile.write(path, noise(), RATE, format=file_format, subtype=subtype)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(AudioError, match=rf"{name}: .*cut off"):
        decode(path)


@pytest.mark.parametrize("size", [2**32 - 1, 2**31 - 4096])
def test_wav_from_a_pipe_has_no_size_and_is_whole(tmp_path, size):
    path, samples = tmp_path / "pipe.wav", noise()
    soundfile.write(path, samples, RATE, subtype="FLOAT", format="WAV")
    data = bytearray(path.read_bytes())
    where = data.find(b"data") + 4
    data[where : where + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)
    np.testing.assert_array_equal(decode(path).samples, samples)


def test_mp3_without_length_tag_is_whole(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(
        path, noise(4.0, 48_000), 48_000, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5
    )
    without_first_frame(path)
    assert decode(path).samples.size == pytest.approx(4.0 * 48_000, abs=3 * 1152)


def test_mp3_without_length_tag_that_would_end_early_is_refused(tmp_path):
    path = tmp_path / "a.mp3"
    samples = noise(10.0, 48_000) * np.geomspace(1e-3, 1, 480_000)
    soundfile.write(path, samples, 48_000, format="MP3", bitrate_mode="VARIABLE")
    decode(path)
    without_first_frame(path)
    with pytest.raises(
        AudioError, match=r"a\.mp3: this MP3 has no length tag and only part of it can be read"
    ):
        read_audio(path, RATE)


def test_tag_after_an_mp3_is_no_sound(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, noise(4.0), RATE, format="MP3")
    expected = decode(path).samples
    path.write_bytes(path.read_bytes() + b"APETAGEX" + bytes(20_000) + b"TAG" + bytes(125))
    np.testing.assert_array_equal(decode(path).samples, expected)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_resampling_a_file_in_blocks_equals_resampling_it_at_once(tmp_path, rate):
    path = tmp_path / "long.wav"
    samples = noise(10.3, rate)
    soundfile.write(path, samples, rate, subtype="FLOAT")
    in_blocks, at_once = read_audio(path, RATE), soxr.resample(samples, rate, RATE, quality="HQ")
    assert in_blocks.dtype == np.float32
    np.testing.assert_allclose(in_blocks, at_once, atol=1e-6)
    np.testing.assert_array_equal(read_audio((samples, rate), RATE), in_blocks)


def test_block_length_does_not_show(tmp_path, monkeypatch):
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(3.0, 44_100), 44_100)
    expected = read_audio(path, RATE)
    monkeypatch.setattr(sys.modules[decode.__module__], "BLOCK_SECONDS", 0.017)
    np.testing.assert_allclose(read_audio(path, RATE), expected, atol=1e-6)


def test_three_hours_cost_the_memory_of_the_result(tmp_path):
    path, size = tmp_path / "three_hours.wav", 2 * 3 * 3600 * 8_000
    minute = tone(60.0, 8_000, hz=100.0)
    soundfile.write(path, minute, 8_000, subtype="PCM_16")
    with path.open("r+b") as file:  # the zeros between are a hole: they take no space on the disk
        header = bytearray(file.read(44))
        header[4:8], header[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
        file.seek(0)
        file.write(header)
        file.seek(44 + size - 2 * minute.size)
        file.write((minute * 32_767).astype("<i2").tobytes())
    tracemalloc.start()
    samples = read_audio(path, 1_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert samples.shape == (3 * 3600 * 1_000,)
    assert peak < samples.nbytes + 8e6
    assert np.abs(samples[60_100:-60_100]).max() < 1e-6
    for loud in (samples[100:59_900], samples[-59_900:-100]):
        assert np.sqrt(np.mean(np.square(loud))) == pytest.approx(0.5 / np.sqrt(2), abs=1e-3)


def test_array_shapes_and_types():
    mono = noise()
    np.testing.assert_array_equal(read_audio((mono, RATE), RATE), mono)
    np.testing.assert_array_equal(read_audio(Waveform(mono, RATE), RATE), mono)
    np.testing.assert_array_equal(read_audio((mono[:, None], RATE), RATE), mono)
    np.testing.assert_array_equal(read_audio((mono.astype(np.float64), np.int64(RATE)), RATE), mono)
    whole = np.array([-32_768, 0, 16_384], np.int16)
    np.testing.assert_array_equal(read_audio((whole, RATE), RATE), np.array([-1, 0, 0.5], np.float32))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros(10, np.float32), r"type ndarray .*give a path, or a tuple \(samples, rate in Hz\)"),
        (None, r"type NoneType cannot be read"),
        ((np.zeros(10), 0), r"a rate must be a whole number"),
        ((np.zeros(10), 44_100.5), r"a rate must be a whole number"),
        ((np.zeros(0), RATE), r"without samples"),
        ((np.zeros((2, 48_000)), RATE), r"shape \(2, 48000\).*channels last"),
        ((np.zeros((2, 3, 4)), RATE), r"shape \(2, 3, 4\)"),
        ((np.array([0.0, np.nan]), RATE), r"sample 1 of the given waveform is NaN"),
        ((np.array([True, False]), RATE), r"type bool cannot be read"),
    ],
)
def test_arrays_that_mean_nothing_are_refused(source, message):
    with pytest.raises(AudioError, match=message):
        read_audio(source, RATE)


def test_wanted_rate_is_checked(tmp_path):
    with pytest.raises(AudioError, match=r"a rate must be a whole number .* not 0"):
        read_audio((noise(), RATE), 0)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 3_000),
    rates=st.tuples(*[st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000])] * 2),
)
def test_resampled_length_is_the_ratio_rounded(n, rates):
    rate, to = rates
    resampled = resample(np.ones(n, np.float32), rate, to)
    assert resampled.dtype == np.float32
    assert resampled.size == max(1, int(n * to / rate + 0.5))


def test_resampling_keeps_a_tone():
    resampled = resample(tone(1.0, 44_100), 44_100, RATE)
    np.testing.assert_allclose(resampled[500:-500], tone(1.0, RATE)[500:-500], atol=1e-4)

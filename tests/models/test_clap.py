"""`Clap`: what goes in, that nothing depends on its company, windows and frames of long recordings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chronoclap import Clap
from chronoclap.audio import Waveform
from chronoclap.errors import AudioError, ModelError
from chronoclap.models.clap import _decoded, is_one_recording
from chronoclap.scenes import Sounds
from chronoclap.scenes.event import Event

RATE = 16_000


def foley(name: str) -> np.ndarray:
    return np.array(Sounds(RATE).samples(Event(name, f"foley:{name}:1", name)))


@pytest.fixture(scope="module")
def grown(tiny_clap: Clap) -> Clap:
    torch.manual_seed(0)
    return Clap(tiny_clap.model.grow(3), "grown")


@pytest.fixture(scope="module")
def recordings() -> list[np.ndarray]:
    """Noise of different colours and lengths: shorter than a patch, a few patches, more than one window."""
    rng = np.random.default_rng(0)
    found = []
    for seconds, smoothing in ((0.3, 1), (1.7, 30), (12.4, 4), (4.0, 100), (0.98, 2)):
        noise = np.convolve(
            rng.normal(size=round(seconds * RATE) + smoothing), np.ones(smoothing) / smoothing
        )
        found.append((0.1 * noise[: round(seconds * RATE)]).astype(np.float32))
    return found


def assert_units(vectors: np.ndarray, shape: tuple[int, int]) -> None:
    assert vectors.shape == shape
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


class TestEmbedAudio:
    @pytest.mark.parametrize("batch_size", [1, 2, 16])
    def test_alone_or_in_company_is_the_same(
        self, grown: Clap, recordings: list[np.ndarray], batch_size: int
    ) -> None:
        together = grown.embed_audio(recordings, batch_size=batch_size)
        assert_units(together, (5, 144))
        alone = np.concatenate([grown.embed_audio(recording) for recording in recordings])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        # They do differ, or this would say nothing.
        gram = together @ together.T
        assert gram[~np.eye(5, dtype=bool)].max() < 0.9999

    def test_order_of_a_batch_is_kept(self, grown: Clap, recordings: list[np.ndarray]) -> None:
        forward, backward = grown.embed_audio(recordings), grown.embed_audio(recordings[::-1])
        np.testing.assert_allclose(backward[::-1], forward, atol=1e-5)

    def test_today_or_tomorrow_is_the_same(self, grown: Clap, recordings: list[np.ndarray]) -> None:
        first = grown.embed_audio(recordings)
        torch.manual_seed(1234)
        np.testing.assert_array_equal(grown.embed_audio(recordings), first)

    def test_every_way_to_give_a_recording(
        self, grown: Clap, recordings: list[np.ndarray], tmp_path: Path
    ) -> None:
        samples = recordings[1]
        file = tmp_path / "noise.wav"
        soundfile.write(file, samples, RATE, subtype="FLOAT")
        expected = grown.embed_audio([samples])
        pair = (samples, RATE)
        ways: list[Any] = [samples, pair, Waveform(samples, RATE), file, str(file), (samples, np.int64(RATE))]
        for source in ways:
            np.testing.assert_array_equal(grown.embed_audio(source), expected)
            np.testing.assert_array_equal(grown.embed_audio([source]), expected)
        stereo = np.stack([samples, samples], axis=1)
        np.testing.assert_allclose(grown.embed_audio((stereo, RATE)), expected, atol=1e-6)
        np.testing.assert_allclose(grown.embed_audio(samples.astype(np.float64)), expected, atol=1e-6)

    def test_several_recordings_in_a_tuple_or_an_object_array(
        self, grown: Clap, recordings: list[np.ndarray]
    ) -> None:
        expected = grown.embed_audio(recordings[:2])
        np.testing.assert_array_equal(grown.embed_audio((recordings[0], recordings[1])), expected)
        several = np.empty(2, object)
        several[:] = recordings[:2]
        np.testing.assert_array_equal(grown.embed_audio(several), expected)

    def test_a_path_is_one_recording_not_its_letters(self, grown: Clap, tmp_path: Path) -> None:
        with pytest.raises(AudioError, match=r"missing\.wav"):
            grown.embed_audio(str(tmp_path / "missing.wav"))
        assert is_one_recording("a.wav")
        assert is_one_recording(Path("a.wav"))
        assert not is_one_recording(["a.wav"])
        assert not is_one_recording(("a.wav", "b.wav"))

    def test_other_rates_are_resampled(self, grown: Clap) -> None:
        def tone(rate: int) -> np.ndarray:
            return 0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate).astype(np.float32)

        a, b, c = grown.embed_audio([(tone(48_000), 48_000), (tone(RATE), RATE), (tone(48_000), RATE)])
        assert a @ b > 0.9999
        assert a @ c < a @ b

    def test_a_generator_is_read_as_needed(self, grown: Clap, recordings: list[np.ndarray]) -> None:
        stream = (recordings[i % 2] for i in range(40))
        vectors = grown.embed_audio(stream, batch_size=8)
        assert_units(vectors, (40, 144))
        np.testing.assert_allclose(vectors[2:], vectors[:-2], atol=1e-5)
        assert abs(vectors[0] - vectors[1]).max() > 1e-3

    def test_decoding_is_a_bounded_number_ahead(self, recordings: list[np.ndarray]) -> None:
        asked = 0

        def stream() -> Iterator[np.ndarray]:
            nonlocal asked
            for number in range(100):
                asked += 1
                yield np.full(10 + number, 0.1, np.float32)

        with ThreadPoolExecutor(2) as pool:
            for number, samples in enumerate(_decoded(pool, stream(), RATE, 6)):
                assert len(samples) == 10 + number
                assert asked <= number + 7
        assert number == 99

    def test_nothing_gives_no_rows(self, grown: Clap) -> None:
        assert grown.embed_audio([]).shape == (0, 144)
        assert grown.embed_audio(iter(())).shape == (0, 144)
        assert grown.embed_text([]).shape == (0, 144)

    def test_long_recordings_are_the_mean_of_their_windows(self, grown: Clap) -> None:
        rng = np.random.default_rng(1)
        level = np.repeat(np.linspace(0.01, 0.3, 23), RATE)
        samples = (level * rng.normal(size=23 * RATE)).astype(np.float32)
        # 23 s in windows of 10 s every 5 s, the last aligned to the end.
        windows = [samples[start * RATE : (start + 10) * RATE] for start in (0, 5, 10, 13)]
        mean = grown.embed_audio(windows).mean(0)
        model = grown.model.copy()
        model.config = replace(model.config, window=10.0, window_hop=5.0)
        whole = Clap(model, "short windows").embed_audio(samples, batch_size=3)
        assert_units(whole, (1, 144))
        np.testing.assert_allclose(whole[0], mean / np.linalg.norm(mean), atol=1e-5)

    def test_silence_at_the_end_is_heard_as_silence_not_as_a_repeat(self, grown: Clap) -> None:
        sound = foley("bicycle_bell")[: 3 * RATE]
        sound = np.pad(sound, (0, 3 * RATE - len(sound)))
        padded = np.pad(sound, (0, 7 * RATE))
        short, long = grown.frames(sound), grown.frames(padded)
        whole = int((short.start * RATE + grown.model.patch_samples[0] <= 3 * RATE).sum())
        assert whole == 6
        np.testing.assert_allclose(long.vectors[:whole], short.vectors[:whole], atol=1e-5)
        # What follows is one and the same: silence.
        after = long.vectors[long.start >= 3.0]
        assert len(after) == 15
        np.testing.assert_allclose(after, after[:1].repeat(len(after), 0), atol=1e-5)
        assert_units(grown.embed_audio([sound, padded]), (2, 144))

    def test_odd_recordings_are_fine(self, grown: Clap) -> None:
        odd = [np.zeros(RATE, np.float32), np.zeros(1, np.float32), np.full(5, 1.0, np.float32)]
        vectors = grown.embed_audio(odd)
        assert_units(vectors, (3, 144))
        # A silent second and a silent sample are both filled with silence: the same patches.
        assert vectors[0] @ vectors[1] > 0.999

    @pytest.mark.parametrize("shape", [(2, 16_000), (16_000, 2), (1, 3, 4)])
    def test_arrays_of_unclear_shape_are_refused(self, grown: Clap, shape: tuple[int, ...]) -> None:
        with pytest.raises(AudioError, match=r"channels or a batch: give \(samples, rate\) pairs or a list"):
            grown.embed_audio(np.zeros(shape, np.float32))

    def test_what_is_no_recording_is_refused(self, grown: Clap) -> None:
        with pytest.raises(AudioError, match="float cannot be read"):
            grown.embed_audio([0.1, 0.2])  # type: ignore[list-item]
        with pytest.raises(AudioError, match="NaN or infinite"):
            grown.embed_audio([np.array([0.0, np.nan], np.float32)])
        with pytest.raises(AudioError, match="without samples"):
            grown.embed_audio([np.zeros(0, np.float32)])


class TestEmbedText:
    def test_one_text_is_a_row(self, grown: Clap) -> None:
        one = grown.embed_text("a dog barking")
        assert_units(one, (1, 144))
        np.testing.assert_array_equal(grown.embed_text(["a dog barking"]), one)

    @pytest.mark.parametrize("batch_size", [1, 3, 64])
    def test_alone_or_in_company_is_the_same(self, grown: Clap, batch_size: int) -> None:
        texts = [
            "rain",
            "a dog barking, then a bell and then rain",
            "wind",
            "a",
            "rain " * 60,
            "Rain!",
            "wind",
        ]
        together = grown.embed_text(texts, batch_size=batch_size)
        assert_units(together, (7, 144))
        alone = np.concatenate([grown.embed_text(text) for text in texts])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        np.testing.assert_allclose(together[2], together[6], atol=1e-6)
        assert (together[0] @ together[1:5].T).max() < 0.9999

    def test_a_generator_of_texts(self, grown: Clap) -> None:
        texts = ["rain", "wind"]
        np.testing.assert_array_equal(grown.embed_text(t for t in texts), grown.embed_text(texts))  # type: ignore[arg-type]

    @given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
    @settings(max_examples=25, deadline=None)
    def test_any_text_of_words_is_a_unit_and_others_are_refused(
        self, tiny_clap: Clap, texts: list[str]
    ) -> None:
        read = [0 in e.special_tokens_mask for e in tiny_clap.model.tokenizer.encode_batch(texts)]
        if all(read):
            assert_units(tiny_clap.embed_text(texts), (len(texts), 48))
        else:
            with pytest.raises(ModelError, match=f"Text number {read.index(False) + 1} of {len(texts)}, "):
                tiny_clap.embed_text(texts)

    @pytest.mark.parametrize("blank", ["", " ", "\n\t", "\x00"])
    def test_a_text_without_words_is_refused_by_its_number(self, grown: Clap, blank: str) -> None:
        with pytest.raises(ModelError, match=r"Text number 2 of 3, .* holds no words: say what is heard"):
            grown.embed_text(["rain", blank, "wind"])

    @pytest.mark.parametrize("given", [[None], ["rain", 3], [b"rain"], [["rain"]]])
    def test_what_is_no_text_is_refused(self, grown: Clap, given: list[str]) -> None:
        with pytest.raises(ModelError, match="embed_text takes strings, not"):
            grown.embed_text(given)


class TestFrames:
    @pytest.mark.parametrize(
        ("samples", "count"),
        [(100, 2), (15_600, 4), (48_000, 8), (160_000, 23), (400_000, 54)],
    )
    def test_times(self, tiny_clap: Clap, samples: int, count: int) -> None:
        # Patches of 0.975 s, one every 0.48 s from 0.72 s before the recording on, if they begin within it.
        noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
        frames = tiny_clap.frames(noise)
        assert_units(frames.vectors, (count, 48))
        begin = 0.48 * np.arange(count) - 0.72
        np.testing.assert_allclose(frames.start, begin.clip(0), atol=1e-9)
        np.testing.assert_allclose(frames.end, (begin + 0.975).clip(max=samples / RATE), atol=1e-9)
        assert frames.end[-1] == samples / RATE

    def test_each_is_its_patch_embedded_alone(self, grown: Clap) -> None:
        # 25.3 s: three blocks of patches, whose seams must not show.
        rng = np.random.default_rng(2)
        level = np.repeat(rng.uniform(0.001, 0.3, 253), RATE // 10)
        samples = (level * rng.normal(size=len(level))).astype(np.float32)
        frames = grown.frames(samples)
        assert len(frames.vectors) == 55
        padded = np.pad(samples, (11_520, 40_000))
        for number in (0, 1, 18, 19, 20, 21, 39, 40, 41, 53, 54):
            with torch.inference_mode():
                alone = grown.model.encode_patches(padded[number * 7_680 :][:15_600])[0]
            np.testing.assert_allclose(frames.vectors[number], alone, atol=1e-5, err_msg=str(number))
        assert np.abs(np.diff(frames.vectors, axis=0)).max(1).min() > 1e-5

    def test_every_way_to_give_the_recording(self, grown: Clap, tmp_path: Path) -> None:
        samples = np.random.default_rng(3).normal(0, 0.1, 30_000).astype(np.float32)
        soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
        expected = grown.frames(samples)
        for source in ((samples, RATE), tmp_path / "a.wav"):
            for a, b in zip(grown.frames(source), expected, strict=True):
                np.testing.assert_array_equal(a, b)

"""Embeddings kept on disk: asked once, the same when asked again, whole after a kill."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from chronoclap import Clap
from chronoclap.audio import Waveform
from chronoclap.errors import DataError
from chronoclap.evaluation.kept import KeptVectors, Remembering, digest_of, sound_key
from chronoclap.peers import open_model


class Counting:
    """Counts what it is asked."""

    name = "counting"

    def __init__(self, factor: float = 1.0) -> None:
        self.asked: list[int] = []
        self.factor = factor

    def embed_audio(
        self, items: Iterable[Waveform], *, batch_size: int = 16, progress: bool = False
    ) -> np.ndarray:
        several = list(items)
        self.asked.append(len(several))
        return np.array([[self.factor, float(np.sum(item.samples))] for item in several], np.float32)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(len(texts))
        return np.array([[self.factor, len(text)] for text in texts], np.float32)


def sounds(count: int) -> list[Waveform]:
    return [Waveform(np.full(10, k, np.float32), 16_000) for k in range(count)]


class TestKeptVectors:
    def test_what_was_added_is_there_next_time(self, tmp_path: Path) -> None:
        kept = KeptVectors(tmp_path / "a-audio")
        kept.add([b"k" * 16, b"l" * 16], np.array([[1, 2, 3], [4, 5, 6]], np.float32))
        kept.add([b"l" * 16, b"m" * 16], np.array([[9, 9, 9], [7, 8, 9]], np.float32))
        again = KeptVectors(tmp_path / "a-audio").known
        assert {key: vector.tolist() for key, vector in again.items()} == {
            b"k" * 16: [1, 2, 3],
            b"l" * 16: [4, 5, 6],
            b"m" * 16: [7, 8, 9],
        }

    @pytest.mark.parametrize("cut", [1, 7, 12, 13, 27, 28, 30, 56, 84])
    def test_what_a_kill_left_half_written_is_written_anew(self, tmp_path: Path, cut: int) -> None:
        kept = KeptVectors(tmp_path / "a")
        for number in range(4):
            kept.add([bytes([number]) * 16], np.full((1, 3), number, np.float32))
        whole = kept.file.read_bytes()
        kept.file.write_bytes(whole[: len(whole) - cut])
        again = KeptVectors(tmp_path / "a")
        assert len(again.known) == 4 - -(-cut // 28)
        for number in range(4):
            again.add([bytes([number]) * 16], np.full((1, 3), number, np.float32))
        assert numbers(KeptVectors(tmp_path / "a")) == {number: [number] * 3 for number in range(4)}

    def test_two_that_write_in_turn_leave_each_other_whole(self, tmp_path: Path) -> None:
        one, other = KeptVectors(tmp_path / "a"), KeptVectors(tmp_path / "a")
        for kept, several in ((one, [1, 2, 3]), (other, [9]), (one, [4]), (other, [2, 5])):
            vectors = np.repeat(np.array(several, np.float32)[:, None], 3, axis=1)
            kept.add([bytes([number]) * 16 for number in several], vectors)
        found = numbers(KeptVectors(tmp_path / "a"))
        assert found == {number: [number] * 3 for number in (1, 2, 3, 4, 5, 9)}


def numbers(kept: KeptVectors) -> dict[int, list[float]]:
    """What is kept, by the first byte of its keys."""
    return {key[0]: vector.tolist() for key, vector in kept.known.items()}


class TestRemembering:
    def test_each_sound_and_text_is_embedded_once(self, tmp_path: Path) -> None:
        model = Counting()
        kept = Remembering(model, tmp_path)
        model.asked.clear()
        first = kept.embed_audio(iter([*sounds(100), *sounds(3)]))
        assert model.asked == [64, 36]
        np.testing.assert_array_equal(first[:, 1], [*range(0, 1000, 10), 0, 10, 20])
        texts = kept.embed_text(["a", "bb", "a"])
        np.testing.assert_array_equal(texts[:, 1], [1, 2, 1])
        again = Counting()
        second = Remembering(again, tmp_path)
        again.asked.clear()
        np.testing.assert_array_equal(second.embed_audio(sounds(100)), first[:100])
        np.testing.assert_array_equal(second.embed_text(["bb", "a"]), texts[[1, 0]])
        assert again.asked == []
        second.embed_audio(sounds(101))
        assert again.asked == [1]

    def test_another_model_has_its_own_store(self, tmp_path: Path) -> None:
        one, other = Remembering(Counting(), tmp_path), Remembering(Counting(2.0), tmp_path)
        assert one.digest != other.digest
        assert one.embed_text(["a"])[0, 0] == 1.0
        assert other.embed_text(["a"])[0, 0] == 2.0

    def test_the_digest_of_a_model_of_ours_is_of_its_weights(self, tiny_clap: Clap) -> None:
        same = Clap(tiny_clap.model.copy(), "another name")
        assert digest_of(same) == digest_of(tiny_clap)
        changed = tiny_clap.model.copy()
        next(p for p in changed.parameters() if p.numel()).data.view(-1)[0] += 1e-4
        assert digest_of(Clap(changed, tiny_clap.name)) != digest_of(tiny_clap)

    def test_a_peer_that_changed_has_another_digest(self, tmp_path: Path) -> None:
        """Even where no probe shows it."""
        code = (
            "import numpy as np\n"
            "def embed_audio(waveforms, rate): return np.ones((len(waveforms), 4))\n"
            "def embed_text(texts): return [[1 if 'gong' in t else 7, 1, 1, 1] for t in texts]\n"
        )
        digests = []
        for folder, text in (("a", code), ("b", code), ("c", code.replace("gong", "zither"))):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "mine.py").write_text(text)
            digests.append(digest_of(open_model(f"python:{tmp_path / folder / 'mine.py'}")))
        assert digests[0] == digests[1] != digests[2]

    def test_a_peer_is_also_known_by_what_it_makes_of_some_sounds_and_texts(self, tmp_path: Path) -> None:
        (tmp_path / "numbers.txt").write_text("1")
        (tmp_path / "mine.py").write_text(
            "import numpy as np\n"
            "from pathlib import Path\n"
            "class Mine:\n"
            "    def __init__(self): self.x = float(Path(__file__).with_name('numbers.txt').read_text())\n"
            "    def embed_audio(self, waveforms, rate): return np.ones((len(waveforms), 2))\n"
            "    def embed_text(self, texts): return [[1, self.x if 'siren' in t else 1] for t in texts]\n"
        )
        spec = f"python:{tmp_path / 'mine.py'}:Mine"
        before = digest_of(open_model(spec))
        assert digest_of(open_model(spec)) == before
        (tmp_path / "numbers.txt").write_text("1.0001")
        assert digest_of(open_model(spec)) != before


def test_sounds_are_told_apart_by_content_and_rate(tmp_path: Path) -> None:
    samples = np.arange(8, dtype=np.float32) / 8
    key = sound_key(Waveform(samples, 16_000))
    assert key == sound_key((samples.astype(np.float64), 16_000))
    assert key != sound_key(Waveform(samples, 8_000))
    assert key != sound_key(Waveform(samples[::-1], 16_000))
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, samples, 8_000)
    assert sound_key(tmp_path / "a.wav") == sound_key(str(tmp_path / "b.wav"))
    with pytest.raises(DataError, match=r"none\.wav"):
        sound_key(tmp_path / "none.wav")

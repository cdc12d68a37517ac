"""Embeddings kept on disk, so that what was asked once is not computed again.

A store belongs to one model, by the digest of its weights and of how it hears: another model, or the same
after another step of training, has another store. It only grows; a run that is stopped goes on from what is
there.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from chronoclap.audio import AudioSource, Waveform
from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder
from chronoclap.models import Clap
from chronoclap.models.compact import CompactModel
from chronoclap.peers import PeerModel

TOGETHER = 64
"""Sounds that are embedded and then written at a time: what a stopped run loses at most."""
_KEY = 16  # bytes
PROBES = (
    "a dog barks, then rain falls",
    "rain falls, then a dog barks",
    "a dog barks before rain falls",
    "a dog barks after rain falls",
    "a dog barks while rain falls",
    "dog",
    "rain",
    "this is a sound of a siren",
    "A man speaks and a door slams shut.",
    "In this concatenated sound, the second sound is thunder",
    "first a bell rings; soon afterwards a train passes by, and in the end a crowd applauds for a long time",
)
"""Texts by which a model of others is known."""
PROBE_SECONDS = (1, 1.5, 2, 3, 4, 5, 7.5, 12)
"""Lengths of the sounds by which it is known."""
_PROBE_RATE = 32_000


def digest_of(embedder: Embedder) -> str:
    """What a model's embeddings depend on, as 64 hexadecimal digits.

    Of a model of ours, its weights and settings. Of any other, what is known of a peer (`PeerModel.digest`),
    or else its name; and to the last bit what it makes of some sounds and texts, for code may load what
    cannot be seen from outside. So another machine may have another digest of the same.
    """
    digest = hashlib.sha256()
    if isinstance(embedder, Clap):
        model = embedder.model
        settings = model.config if isinstance(model, CompactModel) else (model.architecture, model.policy)
        digest.update(repr((settings, model.tokenizer.to_str())).encode())
        for name, tensor in sorted(model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()
    digest.update((embedder.digest() if isinstance(embedder, PeerModel) else embedder.name).encode())
    for vectors in (embedder.embed_audio(_probe_sounds()), embedder.embed_text(list(PROBES))):
        digest.update(np.ascontiguousarray(vectors, np.float32).tobytes())
    return digest.hexdigest()


def _probe_sounds() -> list[Waveform]:
    """Noises and tones of unlike lengths, some longer than the window of most models."""
    noise = np.random.default_rng(0)
    sounds = []
    for number, seconds in enumerate(PROBE_SECONDS):
        count = round(seconds * _PROBE_RATE)
        tone = np.sin(2 * np.pi * 220 * (number + 1) / _PROBE_RATE * np.arange(count))
        samples = noise.normal(0, 0.1, count) if number % 2 else 0.3 * tone * np.linspace(0, 1, count)
        sounds.append(Waveform(samples.astype(np.float32), _PROBE_RATE))
    return sounds


class KeptVectors:
    """Vectors by key, in a file that only grows: their width, then records of a key and a float32 vector.

    A record is written whole, at the end of the file, so that two that write in turn do not overwrite each
    other. Writing at the same time is for `reports.bundle` to prevent.

    Args:
        path: without suffix; `.vectors` is added.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.with_suffix(".vectors")
        self.known: dict[bytes, np.ndarray] = {}
        content = self.file.read_bytes() if self.file.is_file() else b""
        if len(content) < _KEY:
            return
        record = _record(int.from_bytes(content[:_KEY], "big"))
        records = np.frombuffer(content, record, (len(content) - _KEY) // record.itemsize, _KEY)
        keys, vectors = records["key"], records["vector"]
        self.known = {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}

    def add(self, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        """Keep vectors (n, dim) by their keys; what is there already stays."""
        new = {key: vector for key, vector in zip(keys, vectors, strict=True) if key not in self.known}
        if not new:
            return
        width = vectors.shape[1]
        records = np.zeros(len(new), _record(width))
        records["key"] = np.frombuffer(b"".join(new), f"V{_KEY}")
        records["vector"] = np.stack(list(new.values()))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as file:
            size = file.tell()
            if size < _KEY:
                file.truncate(0)
                file.write(width.to_bytes(_KEY, "big") + records.tobytes())
            else:
                # A run that was killed while it wrote leaves a part of a record.
                file.truncate(size - (size - _KEY) % records.itemsize)
                file.write(records.tobytes())
        self.known |= new


def _record(width: int) -> np.dtype[np.void]:
    return np.dtype([("key", f"V{_KEY}"), ("vector", "<f4", (width,))])


class Remembering:
    """A model that looks up what it has embedded before.

    Args:
        embedder: the model.
        folder: where its embeddings are kept, among those of others.

    Attributes:
        digest: of the model.
    """

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self.embedder = embedder
        self.digest = digest_of(embedder)
        self.sounds = KeptVectors(folder / f"{self.digest[:16]}-audio")
        self.texts = KeptVectors(folder / f"{self.digest[:16]}-text")

    @property
    def name(self) -> str:
        """The model's name."""
        return self.embedder.name

    def embed_audio(
        self, items: Iterable[AudioSource], *, batch_size: int = 16, progress: bool = False
    ) -> np.ndarray:
        """Embed recordings, those that are new a few at a time: (items, dim) float32.

        Raises:
            DataError: an item is of a kind that cannot be told from another.
        """
        keys: list[bytes] = []
        waiting: dict[bytes, AudioSource] = {}

        def embed_waiting() -> None:
            if waiting:
                vectors = self.embedder.embed_audio(list(waiting.values()), batch_size=batch_size)
                self.sounds.add(list(waiting), vectors)
                waiting.clear()

        for item in tqdm(items, desc=f"{self.name} listens", unit="sound", disable=not progress):
            key = sound_key(item)
            keys.append(key)
            if key not in self.sounds.known:
                waiting[key] = item
            if len(waiting) == TOGETHER:
                embed_waiting()
        embed_waiting()
        return _gathered(self.sounds, keys)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts: (texts, dim) float32."""
        keys = [hashlib.blake2b(text.encode(), digest_size=_KEY).digest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.texts.known}
        for part in _parts(list(new), 16 * TOGETHER):
            self.texts.add(part, self.embedder.embed_text([new[key] for key in part]))
        return _gathered(self.texts, keys)


def sound_key(item: Any) -> bytes:
    """What tells one sound from another: its samples and their rate, or the content of a file."""
    digest = hashlib.sha1(usedforsecurity=False)  # processors have instructions for it
    if isinstance(item, str | Path):
        try:
            digest.update(Path(item).read_bytes())
        except OSError as error:
            raise DataError(f"{item}: cannot be read ({error.strerror}).") from error
    else:
        samples, rate = item
        digest.update(f"{rate}\n".encode())
        digest.update(np.ascontiguousarray(samples, np.float32).tobytes())
    return digest.digest()[:_KEY]


def _gathered(kept: KeptVectors, keys: Sequence[bytes]) -> np.ndarray:
    return np.stack([kept.known[key] for key in keys]) if keys else np.zeros((0, 1), np.float32)


def _parts(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))

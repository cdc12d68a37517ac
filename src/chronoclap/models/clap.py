"""`Clap`: sound and text become unit vectors of one space, and nothing else leaves it."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import torch
from tqdm.auto import tqdm

from chronoclap.audio import AudioSource, FillPolicy, Waveform, cut_windows, read_audio
from chronoclap.errors import AudioError, ModelError
from chronoclap.models.checkpoint import read_model, resolve, write_checkpoint
from chronoclap.models.compact import CompactModel, stack_features
from chronoclap.models.compute import Compute, Engine, Precision
from chronoclap.models.towers import Towers
from chronoclap.models.workers import side_by_side

if TYPE_CHECKING:
    from chronoclap.models.trunks import TrunkMemory

Batch = TypeVar("Batch")
DECODERS = 4  # threads; libsndfile and soxr work outside Python's lock


class Frames(NamedTuple):
    """What a recording sounds like from moment to moment."""

    vectors: np.ndarray
    """(frames, dim) float32 unit vectors, comparable with `Clap.embed_text` of single events."""
    start: np.ndarray
    """(frames,) seconds."""
    end: np.ndarray
    """(frames,) seconds."""


class Clap:
    """A contrastive language-audio model.

    Args:
        model: the towers.
        name: what reports call it.
        info: what the checkpoint says of itself: recipe, data, licence.

    Example:
        >>> import chronoclap
        >>> clap = chronoclap.load("compact")
        >>> texts = clap.embed_text(["a dog barks, then rain falls", "rain falls, then a dog barks"])
        >>> texts.shape == (2, clap.dim)
        True
    """

    def __init__(self, model: Towers, name: str, info: dict[str, Any] | None = None) -> None:
        self.model = model
        self.name = name
        self.info = info or {}
        self.memory: TrunkMemory | None = None
        """Where features of the trunk are remembered, see `trunks.shared_trunks`."""

    @property
    def dim(self) -> int:
        """Width of an embedding."""
        return self.model.dim

    @property
    def rate(self) -> int:
        """The sampling rate that the model listens at, in Hz; other rates are resampled to it."""
        return self.model.rate

    def embed_audio(
        self,
        items: AudioSource | np.ndarray | Iterable[AudioSource | np.ndarray],
        *,
        batch_size: int = 16,
        progress: bool = False,
    ) -> np.ndarray:
        """Embed recordings.

        A recording longer than the model's window (two minutes; HTSAT's is ten seconds) is cut into
        overlapping windows. Its vector is the mean of theirs, in which the order of far events is lost.
        Nothing is random: alone or in a batch, today or tomorrow, a recording has one embedding.

        Args:
            items: one recording or any iterable of them, which is read lazily: paths, (samples, rate) pairs,
                or arrays of mono samples that are at `rate` already.
            batch_size: windows embedded at a time on an accelerator; on a CPU, each core has one.
            progress: show a progress bar.

        Returns:
            (n, dim) float32 unit vectors, also for one recording.

        Raises:
            AudioError: a recording cannot be used; the text names it.
        """
        several: Any = [items] if is_one_recording(items) else items
        total = len(several) if isinstance(several, Sequence | np.ndarray) else None
        found: list[list[np.ndarray]] = []
        with (
            ThreadPoolExecutor(DECODERS) as pool,
            tqdm(total=total, unit="file", disable=not progress) as bar,
        ):
            counts: deque[int] = deque()  # of the windows of recordings that are not finished

            def windows() -> Iterator[np.ndarray]:
                for samples in _decoded(pool, iter(several), self.rate, 4 * DECODERS):
                    cut = cut_windows(samples, self.rate, self.model.window, self.model.window_hop)
                    counts.append(len(cut))
                    yield from (window.samples for window in cut)

            own: list[np.ndarray] = []
            for vector in self._encoded(windows(), batch_size):
                own.append(vector)
                if len(own) == counts[0]:
                    counts.popleft()
                    found.append(own)
                    own = []
                    bar.update()
        means = [np.mean(vectors, axis=0) for vectors in found]
        vectors = [mean / max(float(np.linalg.norm(mean)), 1e-12) for mean in means]
        return np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, self.dim), np.float32)

    def embed_text(
        self, texts: str | Sequence[str], *, batch_size: int = 64, progress: bool = False
    ) -> np.ndarray:
        """Embed texts.

        Args:
            texts: one text or a sequence of them; beyond 128 word pieces a text is cut.
            batch_size: texts embedded at a time; they are sorted by length first, and the order restored.
            progress: show a progress bar.

        Returns:
            (n, dim) float32 unit vectors, also for one text.

        Raises:
            ModelError: something in `texts` is not a string, or holds nothing that the model reads.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        for text in texts:
            if not isinstance(text, str):
                raise ModelError(f"embed_text takes strings, not {type(text).__name__}: {text!r:.60}.")
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.zeros((len(texts), self.dim), np.float32)
        batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]

        def encode(rows: list[int]) -> np.ndarray:
            return self.model.encode_texts([texts[i] for i in rows]).cpu().numpy()

        with tqdm(total=len(texts), unit="text", disable=not progress) as bar:
            for rows, own in zip(batches, self._computed(encode, batches), strict=True):
                vectors[rows] = own
                bar.update(len(rows))
        unread = np.flatnonzero(~vectors.any(axis=1))
        if len(unread):
            raise ModelError(
                f"Text number {unread[0] + 1} of {len(texts)}, {texts[unread[0]]!r:.60}, holds no words: "
                "say what is heard."
            )
        return vectors

    def frames(self, recording: AudioSource | np.ndarray) -> Frames:
        """Embed a recording moment by moment: the compact model every half second, each as if it were all
        there is; HTSAT every third of a second, each as heard among its surroundings.

        Args:
            recording: a path, a (samples, rate) pair or an array of mono samples at `rate`, of any length.

        Returns:
            Vectors with their times; the last ends with the recording.

        Raises:
            AudioError: the recording cannot be used; the text names it.
        """
        samples = read_audio(with_rate(recording, self.rate), self.rate)
        with torch.inference_mode():
            vectors, bounds = self.model.encode_moments(samples)
        start, end = np.clip(bounds, 0, len(samples)).T / self.rate
        return Frames(vectors.cpu().numpy(), start, end)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write a checkpoint directory that `load` reads: safetensors, JSON and the tokenizer,
        self-contained. One with HTSAT and RoBERTa is read by transformers' `ClapModel` too.

        Raises:
            ModelError: the directory holds something else.
        """
        path = Path(directory)
        if path.exists() and not (path / "config.json").is_file() and any(path.iterdir()):
            raise ModelError(f"{path}: exists and is not a checkpoint; name another directory.")
        write_checkpoint(self.model, path, {"name": self.name, **self.info})
        return path

    def _encoded(self, windows: Iterator[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
        """One vector a window, in order."""
        at_once = 1 if self.model.device.type == "cpu" else batch_size
        batches = iter(lambda: list(islice(windows, at_once)), [])
        for vectors in self._computed(self._encode_windows, batches):
            yield from vectors

    def _encode_windows(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        if self.memory is None or not isinstance(self.model, CompactModel):
            return self.model.encode_windows(windows).cpu().numpy()
        features = [self.memory.features(self.model, window) for window in windows]
        return self.model.embed_features(*stack_features(features)).cpu().numpy()

    def _computed(
        self, work: Callable[[Batch], np.ndarray], batches: Iterable[Batch]
    ) -> Iterator[np.ndarray]:
        """What the towers make of each batch, in order."""
        with torch.inference_mode():
            self.model.set_up()
        if self.model.device.type == "cpu":
            yield from side_by_side(work, batches)
            return
        for batch in batches:
            with torch.inference_mode():
                result = work(batch)
            yield result


def _decoded(
    pool: ThreadPoolExecutor, items: Iterator[AudioSource | np.ndarray], rate: int, ahead: int
) -> Iterator[np.ndarray]:
    """Recordings as samples at `rate`, in order, at most `ahead` of them decoded beforehand."""

    def read(item: AudioSource | np.ndarray) -> np.ndarray:
        return read_audio(with_rate(item, rate), rate)

    futures = [pool.submit(read, item) for item in islice(items, ahead)]
    while futures:
        yield futures.pop(0).result()
        futures += [pool.submit(read, item) for item in islice(items, 1)]


def with_rate(item: AudioSource | np.ndarray, rate: int) -> AudioSource:
    """A bare array is taken to be at the model's rate."""
    return Waveform(item, rate) if isinstance(item, np.ndarray) else item


def is_one_recording(items: Any) -> bool:
    """Whether this is a single recording rather than an iterable of them: a path is not a list of letters."""
    if isinstance(items, str | os.PathLike):
        return True
    if isinstance(items, np.ndarray):
        if items.ndim != 1:
            raise AudioError(
                f"An array of shape {items.shape} could be channels or a batch: "
                "give (samples, rate) pairs or a list."
            )
        return items.dtype != object
    return isinstance(items, tuple) and len(items) == 2 and isinstance(items[1], int | np.integer)


def load(
    name_or_path: str | os.PathLike[str] = "compact",
    device: str | torch.device = "cpu",
    *,
    fill: FillPolicy | None = None,
    int16: bool | None = None,
    engine: Engine = "torch",
    precision: Precision = "float32",
) -> Clap:
    """Load a model.

    Args:
        name_or_path: "compact" (knows order), "compact-base" (the same ear before it learned order),
            "compact-reader" (the base, taught to read order, from which runs start), all
            shipped in the package; a directory written by `Clap.save`, by training, by
            `chronoclap convert` or by transformers' `ClapModel.save_pretrained`; or the name of a CLAP on the
            Hugging Face hub, such as "laion/clap-htsat-unfused".
        device: where to run.
        fill: what follows a recording shorter than HTSAT's window, in place of what the checkpoint asks for
            (see `audio.fill`). Those of LAION repeat it, which makes "A, B" into "A, B, A, B": for questions
            of order choose "silence".
        int16: round samples to 16 bits first, as laion_clap's own functions do; transformers does not.
        engine: what computes HTSAT when it embeds on a CPU: "torch", or "openvino" of the extra of that name,
            which is quicker, and takes some seconds more to start.
        precision: of their matrix products then, and of those of a compact model's trunk: "float32", or
            "bfloat16", which is quicker on processors that have it and moves the numbers of a vector by about
            0.001.

    Returns:
        The model, ready to embed.

    Raises:
        ModelError: there is no such checkpoint, or it cannot be read, or its architecture has no use for what
            is asked, or an extra is missing.
    """
    model, info = read_model(resolve(name_or_path))
    if fill is not None or int16 is not None:
        model.change_policy(fill=fill, int16=int16)
    compute = Compute(engine, precision)
    if compute != Compute():
        model.compute_with(compute)
    name = info.pop("name", Path(name_or_path).name)
    return Clap(model.to(device), name, info)

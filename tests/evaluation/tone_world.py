"""A world whose events are pure tones, and models that hear it perfectly, badly or with one known fault."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile

from chronoclap.audio import Waveform
from chronoclap.scenes.event import Event

SEEN = ("bell", "cat", "dog", "rain")
UNSEEN = ("saw", "whistle", "train")
NAMES = SEEN + UNSEEN
HELD_OUT = frozenset({"bell", "rain"})
FILE_RATE = 16_000
LEAD = 0.4  # seconds of silence before and after each tone
CONNECTIVES = (
    " followed by ",
    " before ",
    " and later ",
    " and then ",
    " preceded by ",
    " after ",
    " while ",
)
TURNED = (" preceded by ", " after ")  # name the later one first


def frequency(name: str) -> float:
    """In Hz; the tones are far enough apart for a frame of 20 ms."""
    return 400.0 * (1 + NAMES.index(name))


def write_tone(path: Path, name: str, seconds: float) -> None:
    times = np.arange(round(seconds * FILE_RATE)) / FILE_RATE
    silence = np.zeros(round(LEAD * FILE_RATE))
    tone = 0.5 * np.sin(2 * np.pi * frequency(name) * times)
    soundfile.write(path, np.concatenate([silence, tone, silence]), FILE_RATE)


def make_events(folder: Path, each: int = 3, split: str = "test") -> list[Event]:
    """Write `each` recordings of every event, 0.4 s long and more."""
    events = []
    for name in NAMES:
        for take in range(each):
            path = folder / f"{split}-{name}-{take}.wav"
            write_tone(path, name, 0.4 + 0.2 * take)
            esc50 = f"{name}_sound" if name in ("cat", "dog", "saw") else ""
            events.append(Event(name, str(path), f"{split}:{name}:{take}", split, name in UNSEEN, esc50))
    return events


def loudness(sound: Waveform) -> np.ndarray:
    """(frames, tones): how loud each tone is in each frame of 20 ms, frames of silence left out."""
    samples, rate = sound
    size = round(0.02 * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    frames = frames[np.abs(frames).max(axis=1) > 0.1]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1))
    return spectrum[:, [round(frequency(name) * size / rate) for name in NAMES]]


def heard(sound: Waveform) -> list[str]:
    """The tones of a sound in the order in which they come, silences left out."""
    names: list[str] = []
    for index in loudness(sound).argmax(axis=1):
        if not names or names[-1] != NAMES[index]:
            names.append(NAMES[index])
    return names


def chord(sound: Waveform) -> list[str]:
    """The tones that sound with another for 0.1 s or more."""
    levels = loudness(sound)
    present = levels > 0.5 * levels.max(axis=1, keepdims=True)
    together = present & (present.sum(axis=1, keepdims=True) > 1)
    return [name for name, frames in zip(NAMES, together.sum(axis=0), strict=True) if frames >= 5]


def one_hot(name: str) -> np.ndarray:
    return (np.array(NAMES) == name).astype(np.float32)


class Ear:
    """Hears what comes first, what comes last and what sounds at once, and reads the same in a text: a
    perfect model.

    A blind one hears what sounds, not when; with `chords` it still hears what sounds at once. The last
    dimension carries a constant of the sounds, against which texts may hold a prejudice.
    """

    def __init__(
        self,
        name: str = "ear",
        *,
        blind: bool = False,
        chords: bool = False,
        noise: float = 0.0,
        swapped: bool = False,
        bias: float = 0.0,
        inverts: bool = True,
    ) -> None:
        self.name = name
        self.blind = blind
        self.chords = chords
        self.noise = noise
        self.swapped = swapped
        self.bias = bias
        self.inverts = inverts
        self.sounds = 0
        self.rates: set[int] = set()
        self.seconds: list[float] = []

    def embed_audio(
        self, items: Iterable[Waveform], *, batch_size: int = 8, progress: bool = False
    ) -> np.ndarray:
        vectors = [self._embed(item) for item in items]
        self.sounds += len(vectors)
        table = np.stack(vectors)
        return table + self.noise * np.random.default_rng(0).standard_normal(table.shape).astype(np.float32)

    def _embed(self, item: Waveform) -> np.ndarray:
        self.rates.add(item.rate)
        self.seconds.append(len(item.samples) / item.rate)
        names, at_once = heard(item), chord(item)
        first, last, both = one_hot(names[0]), one_hot(names[-1]), np.zeros(len(NAMES), np.float32)
        if at_once:
            first, last, both = both, both, sum(map(one_hot, at_once), both)
        if self.blind and not (self.chords and at_once):
            first = last = (first + last + both) / 2
            both = both if self.chords else first
        return np.concatenate([first, last, both, [np.float32(1)]]).astype(np.float32)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self._read(text) for text in texts])

    def _read(self, text: str) -> np.ndarray:
        text = text.removesuffix(" sound").removeprefix("this is a sound of ")
        nothing, prejudice = np.zeros(len(NAMES), np.float32), 0.0
        connective = next((words for words in CONNECTIVES if words in text), None)
        if text.startswith("In this concatenated sound, the "):
            place, name = text.removeprefix("In this concatenated sound, the ").split(" sound is ")
            parts = [one_hot(name), nothing, nothing]
            if (place == "second") != self.swapped:
                parts = [nothing, one_hot(name), nothing]
        elif connective is None:
            parts = [one_hot(text)] * 3
        elif connective == " while ":
            parts = [nothing, nothing, sum(map(one_hot, text.split(connective)), nothing)]
        else:
            first, last = text.split(connective)
            prejudice = self.bias if first < last else -self.bias
            if (connective in TURNED and self.inverts) != self.swapped:
                first, last = last, first
            parts = [one_hot(first), one_hot(last), nothing]
        return np.concatenate([*parts, [np.float32(prejudice)]]).astype(np.float32)

"""From an event to the samples of its active span, remembered within a memory limit."""

from collections import OrderedDict

import numpy as np

from chronoclap.audio import active_span, read_audio
from chronoclap.errors import DataError
from chronoclap.scenes.event import Event
from chronoclap.scenes.foley import FOLEY, synthesise

FOLEY_PREFIX = "foley:"


class Sounds:
    """Looks up what an event sounds like, at one sampling rate.

    A recording is decoded once and kept while the memory limit allows, the least recently used leaving first.
    Pickling (to hand it to a worker process) drops what is kept.

    Args:
        rate: sampling rate of everything returned, Hz.
        limit_mb: how much sound to keep, megabytes.
    """

    def __init__(self, rate: int = 16_000, limit_mb: float = 512) -> None:
        self.rate = rate
        self.limit_mb = limit_mb
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._bytes = 0

    def samples(self, event: Event) -> np.ndarray:
        """The part of the event's recording that sounds.

        Returns:
            float32 (n,), read-only, n >= 1, peak at most 1 (a louder recording is scaled down).

        Raises:
            AudioError: the recording cannot be read.
            DataError: the event names a synthetic sound that does not exist.
        """
        key = event.recording
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        samples = self._load(key)
        self._kept[key] = samples
        self._bytes += samples.nbytes
        while self._bytes > self.limit_mb * 1e6 and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes
        return samples

    def seconds(self, event: Event) -> float:
        """Length of the event's active span, seconds."""
        return len(self.samples(event)) / self.rate

    def _load(self, recording: str) -> np.ndarray:
        if recording.startswith(FOLEY_PREFIX):
            whole = synthesise(*parse_foley(recording), rate=self.rate)
        else:
            whole = read_audio(recording, self.rate)
        start, end = active_span(whole, self.rate)
        samples = np.array(whole[start:end], dtype=np.float32)
        peak = float(np.abs(samples).max(initial=0.0))
        if peak > 1:
            samples /= peak
        samples.setflags(write=False)
        return samples

    def __getstate__(self) -> dict[str, float]:
        return {"rate": self.rate, "limit_mb": self.limit_mb}

    def __setstate__(self, state: dict[str, float]) -> None:
        Sounds.__init__(self, int(state["rate"]), state["limit_mb"])


def parse_foley(recording: str) -> tuple[str, int]:
    """Name and seed of a synthetic recording "foley:<name>:<seed>".

    Raises:
        DataError: another form, or a name that is not in FOLEY.
    """
    name, _, seed = recording.removeprefix(FOLEY_PREFIX).rpartition(":")
    if not recording.startswith(FOLEY_PREFIX) or not seed.isdecimal():
        raise DataError(
            f"{recording!r} names no synthetic sound: write foley:<name>:<seed>, e.g. foley:rain:3."
        )
    if name not in FOLEY:
        raise DataError(
            f"{recording!r}: there is no synthetic sound {name!r}; there are {', '.join(sorted(FOLEY))}."
        )
    return name, int(seed)

"""What sounds: a phrase, the recording it is heard in, and where that recording comes from."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from chronoclap.errors import DataError

Split = Literal["train", "val", "test"]
SPLITS: tuple[str, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of sound in one recording, or in a stretch of it.

    Args:
        phrase: what is heard, a few words such as "dog barking".
        recording: a path, or "foley:<name>:<seed>" for a synthetic sound.
        source: the original recording it was cut from; splits are disjoint by source.
        split: "train", "val" or "test".
        class_unseen: the phrase occurs in no training recording.
        esc50_class: the ESC-50 class name, "" where there is none.
        start: where in the recording it begins, seconds, >= 0.
        end: where it stops, seconds, after `start`; None: where the recording ends.

    Raises:
        DataError: an empty phrase, recording or source, an unknown split, or times that are not so.
    """

    phrase: str
    recording: str
    source: str
    split: str = "train"
    class_unseen: bool = False
    esc50_class: str = ""
    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        for name in ("phrase", "recording", "source"):
            if not getattr(self, name).strip():
                raise DataError(f"An event needs a {name}, but got {self!r}: fill it in.")
        check_split(self.split)
        end = math.inf if self.end is None else self.end
        if not 0 <= self.start < end or self.end == math.inf:
            raise DataError(
                f"{self.phrase!r} in {self.recording} lasts from {self.start} to {self.end} s: give times of "
                "0 s or more, the end after the start."
            )
        # One number, one form: what is written of events and hashed from it must not tell 1 from 1.0.
        object.__setattr__(self, "start", float(self.start))
        object.__setattr__(self, "end", None if self.end is None else float(self.end))

    @property
    def is_span(self) -> bool:
        """It is a stretch of its recording, not the whole."""
        return self.start > 0 or self.end is not None

    @property
    def place(self) -> tuple[str, float, float]:
        """Where it is heard, to compare and to sort by: recording, start and end in seconds, inf for None."""
        return self.recording, self.start, math.inf if self.end is None else self.end


def check_split(split: str) -> None:
    """Raise DataError unless `split` is "train", "val" or "test"."""
    if split not in SPLITS:
        raise DataError(f"Unknown split {split!r}: use one of {', '.join(SPLITS)}.")


def in_split(split: str, asked: str) -> bool:
    """Whether a split is the one that is asked about; "all" asks about every one."""
    return asked in (split, "all")

"""What sounds: a phrase, the recording it is heard in, and where that recording comes from."""

from dataclasses import dataclass
from typing import Literal, get_args

from chronoclap.errors import DataError

Split = Literal["train", "val", "test"]
SPLITS: tuple[str, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of sound in one recording.

    Args:
        phrase: what is heard, a few words such as "dog barking".
        recording: a path, or "foley:<name>:<seed>" for a synthetic sound.
        source: the original recording it was cut from; splits are disjoint by source.
        split: "train", "val" or "test".
        class_unseen: the phrase occurs in no training recording.
        esc50_class: the ESC-50 class name, "" where there is none.

    Raises:
        DataError: an empty phrase, recording or source, or an unknown split.
    """

    phrase: str
    recording: str
    source: str
    split: str = "train"
    class_unseen: bool = False
    esc50_class: str = ""

    def __post_init__(self) -> None:
        for name in ("phrase", "recording", "source"):
            if not getattr(self, name).strip():
                raise DataError(f"An event needs a {name}, but got {self!r}: fill it in.")
        check_split(self.split)


def check_split(split: str) -> None:
    """Raise DataError unless `split` is "train", "val" or "test"."""
    if split not in SPLITS:
        raise DataError(f"Unknown split {split!r}: use one of {', '.join(SPLITS)}.")

"""The sounds an evaluation plays: a piece of an event, the whole of it, and which can be read at all."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from chronoclap.audio import Waveform
from chronoclap.errors import AudioError, DataError
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import FOLEY_PREFIX, Sounds, cut, decoded

RATE = 32_000  # Hz: enough for what the recordings hold, and each model resamples to its own rate from here.
PIECE_SECONDS = 5.0  # Of each sound in an order test (two of them fill a 10 s window).


class Readable(NamedTuple):
    """The recordings that can be read, and a sentence for each that cannot."""

    events: list[Event]
    problems: list[str]


def by_recording(events: Iterable[Event]) -> list[list[Event]]:
    """The events of each recording, or stretch of one, in the order in which they first come.

    Args:
        events: one for each recording and each name that is true of it.

    Returns:
        For each recording its events, one or several.
    """
    together: dict[tuple[str, float, float], list[Event]] = {}
    for event in events:
        together.setdefault(event.place, []).append(event)
    return list(together.values())


def once_named(events: Iterable[Event]) -> list[Event]:
    """The recordings of which one name is true, and no other that is known of.

    Of two names, one may be heard beside the other, or say the same more generally: a recording of both is
    in no order with either, and has no one right answer.

    Args:
        events: as `by_recording` takes them.

    Returns:
        An event for each such recording.
    """
    return [own[0] for own in by_recording(events) if len({event.phrase for event in own}) == 1]


def piece(event: Event, sounds: Sounds) -> np.ndarray:
    """Cut a recording to what an order test plays.

    Args:
        event: the event.
        sounds: where its recording comes from.

    Returns:
        (samples,) float32 at the rate of `sounds`: the active span, 5 s of it at most.
    """
    return sounds.samples(event)[: round(PIECE_SECONDS * sounds.rate)]


def whole(event: Event, rate: int = RATE) -> Waveform:
    """Read an event from end to end, silences included: its recording, or its stretch of it.

    Args:
        event: the event.
        rate: in Hz.

    Returns:
        The sound.

    Raises:
        AudioError: the recording cannot be read, or ends before the event does.
    """
    return Waveform(cut(decoded(event.recording, rate), rate, event), rate)


def readable(events: Sequence[Event], sounds: Sounds) -> Readable:
    """Set aside the recordings that cannot be read, so that one bad file does not end an evaluation.

    Args:
        events: the events.
        sounds: where their recordings come from.

    Returns:
        The events that can be played, in the order given, and what is wrong with the others.

    Raises:
        AudioError: none can be played.
    """
    kept, problems = [], []
    for event in events:
        try:
            sounds.samples(event)
        except AudioError as error:
            problems.append(str(error))
        else:
            kept.append(event)
    if problems and not kept:
        raise AudioError(f"None of the {len(events)} recordings can be read. The first: {problems[0]}")
    return Readable(kept, problems)


def recording_name(recording: str) -> str:
    """What a recording is called wherever it lies: its file's name, or that of a synthetic sound."""
    return recording if recording.startswith(FOLEY_PREFIX) else PurePath(recording).name


def contents_digest(events: Iterable[Event]) -> str:
    """What tells recordings from others of their names: 64 hexadecimal digits of names and files' contents.

    Raises:
        DataError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for recording in sorted({event.recording for event in events}, key=recording_name):
        digest.update(f"{recording_name(recording)}\n".encode())
        if recording.startswith(FOLEY_PREFIX):
            continue
        try:
            with Path(recording).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DataError(f"{recording}: cannot be read ({error.strerror}).") from error
    return digest.hexdigest()

"""Reading which recordings there are, what is heard in them, and which split each belongs to."""

import hashlib
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chronoclap.audio import AUDIO_SUFFIXES
from chronoclap.data.corpora import CORPORA, read_corpus
from chronoclap.data.tables import table_rows, text_of
from chronoclap.errors import DataError
from chronoclap.scenes.event import SPLITS, Event, check_split
from chronoclap.scenes.foley import FOLEY

BUILT_IN = "foley"
_PHRASE_COLUMNS = ("event", "caption")
_TRUE = frozenset({"1", "true"})
_FALSE = frozenset({"0", "false", ""})
_SEEDS_PER_SPLIT = 1_000_000  # splits stay apart whatever the counts asked for


def read_manifest(path: str | os.PathLike[str], *, every_label: bool = False) -> list[Event]:
    """Read events from a manifest, a folder of folders, or the built-in synthetic sounds.

    Args:
        path: one of
            - "foley": what `foley_events()` gives;
            - a corpus as it is published, such as "esc50:/data/ESC-50-master" (see `corpora.py`);
            - a .csv file with a header, or a .jsonl file with one object a line: `path` (relative to the
              manifest) and `event` (or, without one, `caption`: taken as the phrase, less a final full stop);
              optionally `split` (train, val or test; "train" if left out), `source` (the original recording;
              the file's stem if left out), `class_unseen` (0, 1, true or false), `esc50_class`, and `start`
              and `end` of the stretch that the row is about, in seconds (0 and the recording's end if left
              out); other columns are ignored;
            - a folder with one folder of recordings per class, named by the class (underscores read as
              blanks). A hash of class and file name assigns about 80 % to train, 10 % to val and 10 % to
              test.
        every_label: of FSD50K, where a recording's first label is its most particular, give an event for each
            label; without it for the first alone, so that every recording has one name. Of a manifest, rows
            that share a recording are always an event each.

    Returns:
        One event per row, in the manifest's order (in a folder: by class and file name).

    Raises:
        DataError: the manifest cannot be read, or a row of it, or two rows together, make no sense; the text
            names the row by its line in the file, the header of a CSV file being row 1.

    Warns:
        UserWarning: one file occurs in two splits under different sources, or a folder holds files that are
            no recordings.
    """
    if str(path) == BUILT_IN:
        return foley_events()
    name, colon, place = str(path).partition(":")
    if colon and name in CORPORA:
        return read_corpus(name, Path(place), every_label=every_label)
    file = Path(path)
    if file.is_dir():
        return _read_folder(file)
    if not file.exists():
        raise DataError(
            f"There is no manifest {file}: give a .csv or .jsonl file, a folder of folders, or 'foley'."
        )
    rows = table_rows(file, ("path",), _PHRASE_COLUMNS)
    events: list[tuple[int, Event]] = [(row, _event(file, row, values)) for row, values in rows]
    if not events:
        raise DataError(f"{file} lists no recordings: add rows below the header.")
    _check_together(file, events)
    return [event for _, event in events]


def by_split(events: Iterable[Event], split: str) -> list[Event]:
    """The events of one split, in their order.

    Raises:
        DataError: the split is not "train", "val" or "test".
    """
    check_split(split)
    return [event for event in events if event.split == split]


def foley_events(train: int = 12, val: int = 2, test: int = 4) -> list[Event]:
    """The built-in synthetic sounds as events.

    About a fifth of the sounds are marked `class_unseen` and occur in the test split only. Seeds of the
    splits are disjoint whatever the counts, so what one run trains on is never what another tests on.

    Args:
        train: recordings per sound in the training split.
        val: the same for the validation split.
        test: the same for the test split.

    Returns:
        Events by sound, then split, then seed.
    """
    ranked = sorted(FOLEY, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    unseen = {FOLEY[name] for name in ranked[: round(len(ranked) / 5)]}
    events = []
    for name, phrase in FOLEY.items():
        for index, (split, count) in enumerate(zip(SPLITS, (train, val, test), strict=True)):
            if phrase in unseen and split != "test":
                continue
            for k in range(count):
                recording = f"foley:{name}:{index * _SEEDS_PER_SPLIT + k}"
                events.append(Event(phrase, recording, recording, split, phrase in unseen))
    return events


def _event(file: Path, row: int, values: Mapping[str, Any]) -> Event:
    """One row's event, checked on its own."""
    where = f"{file}, row {row}"
    text = {
        name: text_of(where, name, values.get(name)) for name in ("path", "split", "source", "esc50_class")
    }
    phrase = text_of(where, "event", values.get("event"))
    if not phrase:
        phrase = text_of(where, "caption", values.get("caption")).rstrip(".").rstrip()
    if not text["path"] or not phrase:
        missing = "a path" if not text["path"] else "an event or a caption"
        raise DataError(f"{where}: it lacks {missing}; fill it in or delete the row.")
    recording = file.parent / text["path"]
    if not recording.is_file():
        raise DataError(f"{where}: there is no recording {recording}; paths are relative to the manifest.")
    split = text["split"] or "train"
    if split not in SPLITS:
        raise DataError(f"{where}: unknown split {split!r}; use one of {', '.join(SPLITS)}.")
    source = text["source"] or recording.stem
    unseen = _flag(where, values.get("class_unseen"))
    start, end = (_seconds(where, name, values.get(name)) for name in ("start", "end"))
    try:
        return Event(phrase, str(recording), source, split, unseen, text["esc50_class"], start or 0.0, end)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _seconds(where: str, name: str, value: Any) -> float | None:
    """A time, None where the row has none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{where}: {name} is {value!r}; write seconds, such as 2.5, or nothing.") from None


def _flag(where: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = "" if value is None else str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise DataError(f"{where}: class_unseen is {value!r}; write 0, 1, true or false.")
    return text in _TRUE


def _check_together(file: Path, rows: list[tuple[int, Event]]) -> None:
    """What only shows between rows: splits share no source, and unseen classes occur in test alone."""
    by_source: dict[str, tuple[int, Event]] = {}
    by_file: dict[str, tuple[int, Event]] = {}
    trained: dict[str, int] = {}
    for row, event in rows:
        first, other = by_source.setdefault(event.source, (row, event))
        if other.split != event.split:
            raise DataError(
                f"{file}, row {row}: source {event.source!r} is in split {event.split!r} and, at row "
                f"{first}, in {other.split!r}; keep each original recording in one split, or name "
                "distinct ones in a column 'source'."
            )
        first, other = by_file.setdefault(event.recording, (row, event))
        if other.split != event.split:
            warnings.warn(
                f"{file}, row {row}: {event.recording} is in split {event.split!r} and, at row {first}, in "
                f"{other.split!r}, under different sources; it is not held out until one row is deleted.",
                UserWarning,
                stacklevel=3,
            )
        if event.split != "test":
            trained.setdefault(event.phrase, row)
    for row, event in rows:
        if event.class_unseen and event.phrase in trained:
            raise DataError(
                f"{file}, row {row}: {event.phrase!r} is marked class_unseen, but row "
                f"{trained[event.phrase]} is not in the test split; move it there or drop the mark."
            )


def _read_folder(folder: Path) -> list[Event]:
    """Events of a folder of folders."""
    events, others = [], []
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        if file.is_dir() or any(part.startswith(".") for part in inside.parts):
            continue
        if file.suffix.lower() not in AUDIO_SUFFIXES:
            others.append(str(inside))
        elif len(inside.parts) == 1:
            raise DataError(f"{file} lies in no class folder: move it into one named by what is heard.")
        else:
            phrase = inside.parts[0].replace("_", " ").strip()
            source = inside.with_suffix("").as_posix()
            events.append(Event(phrase, str(file), source, _split_of(source)))
    if not events:
        raise DataError(f"{folder} holds no folders of recordings ({', '.join(sorted(AUDIO_SUFFIXES))}).")
    if others:
        warnings.warn(
            f"{folder}: {len(others)} files are no recordings by name and were left out, {others[0]} first.",
            UserWarning,
            stacklevel=3,
        )
    return events


def _split_of(source: str) -> str:
    """80 % train, 10 % val, 10 % test, by the source alone."""
    share = int.from_bytes(hashlib.sha256(source.encode()).digest()[:8], "big") / 2**64
    return "train" if share < 0.8 else "val" if share < 0.9 else "test"

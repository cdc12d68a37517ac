"""Reading which recordings there are, what is heard in them, and which split each belongs to."""

import csv
import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chronoclap.data.corpora import AUDIO_SUFFIXES, CORPORA, read_corpus
from chronoclap.errors import DataError
from chronoclap.scenes.event import SPLITS, Event, check_split
from chronoclap.scenes.foley import FOLEY

BUILT_IN = "foley"
_PHRASE_COLUMNS = ("event", "caption")
_TRUE = frozenset({"1", "true"})
_FALSE = frozenset({"0", "false", ""})
_SEEDS_PER_SPLIT = 1_000_000  # splits stay apart whatever the counts asked for


def read_manifest(path: str | os.PathLike[str]) -> list[Event]:
    """Read events from a manifest, a folder of folders, or the built-in synthetic sounds.

    Args:
        path: one of
            - "foley": what `foley_events()` gives;
            - a corpus as it is published, such as "esc50:/data/ESC-50-master" (see `corpora.py`);
            - a .csv file with a header, or a .jsonl file with one object a line: `path` (relative to the
              manifest) and `event` (or, without one, `caption`: taken as the phrase, less a final full stop);
              optionally `split` (train, val or test; "train" if left out), `source` (the original recording;
              the file's stem if left out), `class_unseen` (0, 1, true or false) and `esc50_class`; other
              columns are ignored;
            - a folder with one folder of recordings per class, named by the class (underscores read as
              blanks). A hash of class and file name assigns about 80 % to train, 10 % to val and 10 % to
              test.

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
        return read_corpus(name, Path(place))
    file = Path(path)
    if file.is_dir():
        return _read_folder(file)
    if not file.exists():
        raise DataError(
            f"There is no manifest {file}: give a .csv or .jsonl file, a folder of folders, or 'foley'."
        )
    rows = _rows(file)
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


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Row number and columns of each row, as they stand."""
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise DataError(f"{file} is no manifest by its name: call it .csv or .jsonl.")
    try:
        yield from reader(file)
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from error
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror}): check its permissions.") from error


def _csv_rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        try:
            columns = [column.strip() for column in reader.fieldnames or ()]
            reader.fieldnames = columns
            if "path" not in columns or not set(_PHRASE_COLUMNS) & set(columns):
                raise DataError(
                    f"{file} has the columns {', '.join(columns) or '(none)'}: it needs 'path', and 'event' "
                    "or 'caption', in its first row."
                )
            for values in reader:
                row = reader.line_num
                if None in values or None in values.values():
                    raise DataError(
                        f"{file}, row {row}: it has not {len(columns)} columns as the header has; put "
                        "fields with commas in quotation marks."
                    )
                yield row, values
        except csv.Error as error:
            raise DataError(
                f"{file}, line {reader.line_num}: not valid CSV ({error}); mend the quotation marks."
            ) from error


def _jsonl_rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with file.open(encoding="utf-8-sig") as lines:
        for row, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(
                    f"{file}, row {row}: not valid JSON ({error.msg}); write one object a line."
                ) from error
            if not isinstance(values, dict):
                raise DataError(
                    f"{file}, row {row}: write an object with 'path' and 'event', not {line.strip()[:40]}."
                )
            yield row, values


def _event(file: Path, row: int, values: Mapping[str, Any]) -> Event:
    """One row's event, checked on its own."""
    where = f"{file}, row {row}"
    text = {name: _text(where, name, values.get(name)) for name in ("path", "split", "source", "esc50_class")}
    phrase = _text(where, "event", values.get("event"))
    if not phrase:
        phrase = _text(where, "caption", values.get("caption")).rstrip(".").rstrip()
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
    return Event(
        phrase, str(recording), source, split, _flag(where, values.get("class_unseen")), text["esc50_class"]
    )


def _text(where: str, name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(f"{where}: {name!r} is {value!r}; write text.")
    return value.strip()


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

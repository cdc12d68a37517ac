"""Corpora as their publishers lay them out: `esc50:FOLDER` names one wherever a manifest is asked for.

Each reader takes the folder that the publisher's archive unpacks to, with the recordings beside the tables,
and gives events with the published split and the original recording as source. Recordings that are not there
(YouTube videos vanish) are counted and left out. Corpora that say when a sound is heard are in `onsets.py`.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from chronoclap.audio import AUDIO_SUFFIXES
from chronoclap.data.library import Library, table, words
from chronoclap.data.onsets import audioset_strong, desed, onsets, tut
from chronoclap.errors import DataError
from chronoclap.scenes.event import Event


def read_corpus(name: str, folder: Path, *, every_label: bool = False) -> list[Event]:
    """The events of a corpus.

    Args:
        name: one of `CORPORA`.
        folder: where it lies.
        every_label: of a corpus in `RANKED`, give all labels of a recording and not the first alone.

    Returns:
        One event per recording and label, or per recording and caption, in the order of the corpus's tables;
        of a corpus with onsets, one per stretch of a recording in which one label is heard alone.

    Raises:
        DataError: there is no such folder, a table is missing or of another form, no recording is there, or
            no event is left.

    Warns:
        UserWarning: some recordings are not there, or some events or tables are of no use.
    """
    if not folder.is_dir():
        raise DataError(f"{name}:{folder}: there is no such folder.")
    library = Library(file for file in folder.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)
    events = list(CORPORA[name](folder, library))
    if not events and library.missing and len(library.missing) == library.asked:
        raise DataError(
            f"{name}:{folder}: none of its {library.asked} recordings is there, such as "
            f"{library.missing[0]}; put them into the folder, beside the tables as they are published."
        )
    if not events:
        why = " ".join(library.left_out) or "Its tables name no recording."
        raise DataError(f"{name}:{folder}: there is no event to use. {why}")
    if library.missing:
        library.left_out.insert(
            0,
            f"{len(library.missing)} of {library.asked} recordings are not in {folder} and are left out, "
            f"{library.missing[0]} first.",
        )
    for remark in library.left_out:
        warnings.warn(f"{name}: {remark}", UserWarning, stacklevel=2)
    if name in RANKED and not every_label:
        first = {event.place: event for event in reversed(events)}
        return [event for event in events if first[event.place] is event]
    return events


def sentence(caption: str) -> str:
    """A caption as a phrase: without its full stop."""
    return caption.strip().rstrip(".").rstrip()


def esc50(folder: Path, library: Library) -> Iterator[Event]:
    """ESC-50 (Piczak 2015): folds 1 to 3 train, 4 validate, 5 test."""
    splits = {"4": "val", "5": "test"}
    for row in table(folder / "meta" / "esc50.csv", "filename", "fold", "category", "src_file"):
        if found := library.find(Path(row["filename"]).stem):
            split, source = splits.get(row["fold"], "train"), f"freesound:{row['src_file']}"
            yield Event(words(row["category"]), found, source, split, esc50_class=row["category"])


def urbansound8k(folder: Path, library: Library) -> Iterator[Event]:
    """UrbanSound8K (Salamon et al. 2014): folds 1 to 8 train, 9 validates, 10 tests."""
    splits = {"9": "val", "10": "test"}
    rows = table(folder / "metadata" / "UrbanSound8K.csv", "slice_file_name", "fsID", "fold", "class")
    for row in rows:
        if found := library.find(Path(row["slice_file_name"]).stem):
            split = splits.get(row["fold"], "train")
            yield Event(words(row["class"]), found, f"freesound:{row['fsID']}", split)


def fsd50k(folder: Path, library: Library) -> Iterator[Event]:
    """FSD50K (Fonseca et al. 2020): the published split; a recording's labels as they stand, each followed by
    the more general ones that it implies."""
    truth = folder / "FSD50K.ground_truth"
    development = table(truth / "dev.csv", "fname", "labels", "split")
    evaluation = [{**row, "split": "test"} for row in table(truth / "eval.csv", "fname", "labels")]
    for row in [*development, *evaluation]:
        if found := library.find(row["fname"]):
            for label in row["labels"].split(","):
                yield Event(words(label), found, f"freesound:{row['fname']}", row["split"])


def vggsound(folder: Path, library: Library) -> Iterator[Event]:
    """VGGSound (Chen et al. 2020): the published split, which has no validation part."""
    names = ("video", "start", "label", "split")
    for row in table(folder / "vggsound.csv", names=names):
        start = int(row["start"])
        if found := library.find(f"{row['video']}_{start:06d}", f"{row['video']}_{start}"):
            split = "train" if row["split"] == "train" else "test"
            yield Event(words(row["label"]), found, f"youtube:{row['video']}", split)


def audiocaps(folder: Path, library: Library) -> Iterator[Event]:
    """AudioCaps (Kim et al. 2019): `train.csv`, `val.csv` and `test.csv`, recordings named by video or by
    number."""
    place = folder / "dataset" if (folder / "dataset").is_dir() else folder
    for split in ("train", "val", "test"):
        for row in table(place / f"{split}.csv", "audiocap_id", "youtube_id", "start_time", "caption"):
            video, start = row["youtube_id"], row["start_time"]
            stems = f"{video}_{start}", video, f"Y{video}", f"{video}_{start}000", row["audiocap_id"]
            if found := library.find(*stems):
                yield Event(sentence(row["caption"]), found, f"youtube:{video}", split)


def clotho(folder: Path, library: Library) -> Iterator[Event]:
    """Clotho (Drossos et al. 2020), five captions a recording; "development" is the training split."""
    captions = [f"caption_{n}" for n in range(1, 6)]
    for part, split in (("development", "train"), ("validation", "val"), ("evaluation", "test")):
        sources = {}
        metadata = folder / f"clotho_metadata_{part}.csv"
        if metadata.is_file():
            rows = table(metadata, "file_name", "sound_id", encoding="latin-1")
            sources = {row["file_name"]: row["sound_id"] for row in rows}
        for row in table(folder / f"clotho_captions_{part}.csv", "file_name", *captions):
            name = row["file_name"]
            if found := library.find(Path(name).stem):
                number = sources.get(name, "")
                source = f"freesound:{number}" if number.isdigit() else f"clotho:{name}"
                yield from (Event(sentence(row[k]), found, source, split) for k in captions if row[k])


def wavcaps(folder: Path, library: Library) -> Iterator[Event]:
    """WavCaps (Mei et al. 2023): every table of captions in the folder, all for training; what its lists
    `blacklist*.json` hold, the test sets of others, is left out if they are there."""
    tables = [file for file in sorted(folder.rglob("*.json")) if not file.name.startswith("blacklist")]
    shut = set()
    for file in folder.rglob("blacklist*.json"):
        for names in _json(file).values():
            shut |= {Path(str(name)).stem for name in names}
    captioned = [(file, _json(file).get("data")) for file in tables]
    if not any(isinstance(rows, list) for _, rows in captioned):
        raise DataError(f"{folder} holds no table of WavCaps: a .json file with a list 'data'.")
    for file, rows in captioned:
        for row in rows or ():
            stem = Path(str(row["id"])).stem
            if stem not in shut and (found := library.find(stem)):
                yield Event(sentence(row["caption"]), found, f"{file.parent.name}:{stem}", "train")


def _json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{file} cannot be read as JSON ({error}): fetch it again.") from error


CORPORA: dict[str, Callable[[Path, Library], Iterable[Event]]] = {
    "audiocaps": audiocaps,
    "audioset-strong": audioset_strong,
    "clotho": clotho,
    "desed": desed,
    "esc50": esc50,
    "fsd50k": fsd50k,
    "onsets": onsets,
    "tut": tut,
    "urbansound8k": urbansound8k,
    "vggsound": vggsound,
    "wavcaps": wavcaps,
}
"""By the name that stands before the colon."""
RANKED = frozenset({"fsd50k"})
"""Those of whose labels of a recording the first is the most particular: its name, where it needs one."""

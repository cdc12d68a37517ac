"""What the commands share: reading what is named, leaving out what cannot be read, writing all or nothing."""

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chronoclap.errors import AudioError, DataError, ModelError
from chronoclap.files import replacing

if TYPE_CHECKING:  # torch takes seconds to import: functions import what they need, so that --help is quick
    import numpy as np

    from chronoclap.audio import FillPolicy, Waveform
    from chronoclap.data.clips import CaptionedClip
    from chronoclap.evaluation import Embedder, ItemList, Pair
    from chronoclap.evaluation.reports.bundle import Bundle
    from chronoclap.models import Clap
    from chronoclap.scenes import Event
    from chronoclap.training.composed import ShardSet

SHOWN_PROBLEMS = 5


def note(text: str) -> None:
    """Say something beside the result: on stderr, so that the result can be piped."""
    print(text, file=sys.stderr, flush=True)


def fill_with(claps: Sequence["Clap"], fill: "FillPolicy | None") -> None:
    """Have models of fixed windows fill short recordings so; where nothing is asked, say which repeat them.

    Raises:
        ModelError: something is asked, and no model has fixed windows.
    """
    from chronoclap.models.compact import CompactModel

    others = [clap for clap in claps if not isinstance(clap.model, CompactModel)]
    if fill is not None and not others:
        raise ModelError("--fill is for models of fixed windows; the compact ones hear any length as it is.")
    for clap in others:
        if fill is not None:
            clap.model.change_policy(fill, None)
        elif clap.model.fill != "silence":
            note(f"{clap.name} repeats short recordings: A, B becomes A, B, A, B; --fill silence does not.")


def note_problems(problems: Sequence[str], total: int) -> None:
    """Say how many recordings are left out, and why the first few are."""
    if not problems:
        return
    note(f"{len(problems)} of {total} recordings cannot be read and are left out:")
    for problem in problems[:SHOWN_PROBLEMS]:
        note(f"  {problem}")
    if len(problems) > SHOWN_PROBLEMS:
        note(f"  ... and {len(problems) - SHOWN_PROBLEMS} more.")


def lines_or_items(given: str, separator: str | None = None) -> list[str]:
    """The lines of a .txt file, or the text itself cut at the separator; stripped, empty ones left out.

    Raises:
        DataError: the .txt file cannot be read.
    """
    if not given.lower().endswith(".txt"):
        items = given.split(separator) if separator else [given]
    else:
        try:
            items = Path(given).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{given} cannot be read as UTF-8 text ({error}): check the name, or save it anew."
            ) from error
    return [item.strip() for item in items if item.strip()]


# Recordings


def list_recordings(given: Iterable[Path]) -> list[Path]:
    """The files named, and for each folder the recordings in it and below, by name.

    Raises:
        DataError: there is no such file or folder, or a folder holds no recordings.
    """
    from chronoclap.audio import AUDIO_SUFFIXES

    paths: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in AUDIO_SUFFIXES]
            found = [file for file in inside if not file.name.startswith(".") and file.is_file()]
            if not found:
                raise DataError(
                    f"The folder {path} holds no recordings ({', '.join(sorted(AUDIO_SUFFIXES))})."
                )
            paths += found
        elif path.exists():
            paths.append(path)
        else:
            raise DataError(f"There is no file or folder {path}: check the name.")
    return paths


def embed_files(clap: "Clap", given: Iterable[Path]) -> tuple[list[Path], "np.ndarray"]:
    """Embed recordings one after another; those that cannot be read are reported and left out.

    Args:
        clap: the model.
        given: files and folders.

    Returns:
        The n paths that could be read, and (n, dim) float32 unit vectors.

    Raises:
        DataError: a path does not exist, or a folder holds nothing.
        AudioError: no recording can be read.
    """
    from tqdm.auto import tqdm

    from chronoclap.audio import Waveform, read_audio

    paths = list_recordings(given)
    kept: list[Path] = []
    problems: list[str] = []

    def readable_ones() -> "Iterator[Waveform]":
        for path in tqdm(paths, desc="listening", unit="file"):
            try:
                samples = read_audio(path, clap.rate)
            except AudioError as error:
                problems.append(str(error))
            else:
                kept.append(path)
                yield Waveform(samples, clap.rate)

    vectors = clap.embed_audio(readable_ones())
    if not kept:
        raise AudioError(f"None of the {len(paths)} recordings can be read. The first: {problems[0]}")
    note_problems(problems, len(paths))
    return kept, vectors


def write_embeddings(
    out: Path,
    model: str,
    paths: Sequence[Path],
    vectors: "np.ndarray",
    texts: Sequence[str],
    text_vectors: "np.ndarray",
) -> None:
    """Write a .npz file without pickles: names as unicode arrays, a row of the vectors for each name."""
    import numpy as np

    with replacing(out) as new, new.open("wb") as file:
        np.savez(
            file,
            paths=np.array([str(path) for path in paths], np.str_),
            vectors=vectors,
            texts=np.array(texts, np.str_),
            text_vectors=text_vectors,
            model=np.array(model, np.str_),
        )


def probabilities(logits: "np.ndarray") -> "np.ndarray":
    """Softmax over the last axis."""
    import numpy as np

    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


# Events


def read_events(data: str, *, every_label: bool = False) -> "list[Event]":
    """Read a manifest, as `read_manifest` does, its warnings turned into notes."""
    from chronoclap.data import read_manifest

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        events = read_manifest(data, every_label=every_label)
    for warning in caught:
        note(f"Note: {warning.message}")
    return events


def playable(events: "Sequence[Event]", rate: int) -> "list[Event]":
    """The events whose recordings can be read; the others are reported. Synthetic sounds always can.

    Raises:
        AudioError: no recording can be read.
    """
    from tqdm.auto import tqdm

    from chronoclap.evaluation.recordings import readable
    from chronoclap.scenes import Sounds
    from chronoclap.scenes.sounds import FOLEY_PREFIX

    files = [event for event in events if not event.recording.startswith(FOLEY_PREFIX)]
    if not files:
        return list(events)
    kept, problems = readable(tqdm(files, desc="checking recordings", unit="file"), Sounds(rate, limit_mb=1))
    note_problems(problems, len(files))
    unreadable = set(files) - set(kept)
    return [event for event in events if event not in unreadable]


def read_training_data(
    data: Sequence[str], captions: Sequence[str], rate: int, seconds: float
) -> "tuple[list[Event] | ShardSet, list[CaptionedClip]]":
    """What a run may learn from, of manifests or shards and of tables of captions; what is left out is
    reported.

    Args:
        data: manifests, or folders of shards.
        captions: tables of captioned clips.
        rate: at which the model hears, Hz.
        seconds: of a scene.

    Raises:
        DataError: the train split is empty, or nothing of it is kept from the other splits; or manifests
            stand beside shards.
    """
    from chronoclap.data import by_split
    from chronoclap.data.clips import read_clips
    from chronoclap.scenes import Event, Sounds
    from chronoclap.training.composed import shards_of
    from chronoclap.training.data import training_clips, training_events

    shards = shards_of(data)
    events: list[Event] = []
    if shards is None:
        events = [event for manifest in data for event in read_events(manifest)]
    elif any(shards_of([given]) is None for given in data):
        raise DataError(f"{', '.join(data)}: a run learns from shards or from manifests, not from both.")
    train, kept = by_split(events, "train"), training_events(events)
    if len(kept) < len(train):
        note(
            f"{len(train) - len(kept)} of {len(train)} training recordings also stand in another split "
            "and are left out."
        )
    if not kept and shards is None:
        raise DataError(
            f"{', '.join(data)}: no recording to train on: write 'train' in the column 'split' of some rows."
        )
    read = [clip for table in captions for clip in read_clips(table)]
    heard = {
        clip.recording: Event(clip.caption, clip.recording, clip.source) for clip in read if clip.recording
    }
    can_be = {event.recording for event in playable(list(heard.values()), rate)}
    read = [clip for clip in read if not clip.recording or clip.recording in can_be]
    clips, left = training_clips(read, events, seconds, Sounds(rate, limit_mb=1))
    if read:
        told = "".join(f"; {count} {why} are left out" for why, count in left.items())
        false = sum(bool(clip.contradictions) for clip in clips)
        note(f"{len(clips)} captions, {false} of them with a contradiction{told}.")
    return (playable(kept, rate) if shards is None else shards), clips


def open_models(given: Sequence[str], fill: "FillPolicy | None", *, quiet: bool = False) -> "list[Embedder]":
    """Models of ours, of others and of peers by name, each named unlike the rest.

    Args:
        given: names, directories or peers' specifications.
        fill: what follows short recordings in models of fixed windows; None: their own choice.
        quiet: do not say which of them repeat short recordings.

    Raises:
        ModelError: one cannot be loaded.
    """
    from chronoclap.models import Clap
    from chronoclap.peers import open_model

    found = {name: open_model(name) for name in dict.fromkeys(given)}
    if not quiet:
        fill_with([model for model in found.values() if isinstance(model, Clap)], fill)
    titles = [model.name for model in found.values()]
    for name, model in found.items():
        if titles.count(model.name) > 1:
            model.name = name  # directories may call themselves alike, but are not named alike
    return list(found.values())


@contextmanager
def report_folder(
    out: Path | None, models: Sequence[str], data: str, split: str, suite: str, n_pairs: int, seed: int
) -> "Iterator[Bundle | None]":
    """The folder of a report, claimed for these questions and models; None where no report is wanted.

    Raises:
        DataError: another run has it, or it holds a report on others.
    """
    if out is None:
        yield None
        return
    from chronoclap.evaluation.reports.bundle import Bundle

    questions = {"data": data, "split": split, "suite": suite, "pairs": n_pairs, "seed": seed}
    bundle = Bundle(out, questions)
    with bundle.claimed(models):
        yield bundle


def items_to_ask(
    items: Path, suite: str, events: "Sequence[Event]", n_pairs: int, seed: int
) -> "list[Pair] | ItemList":
    """The list in a file; where there is no such file, a list drawn now and kept there.

    Args:
        items: the file.
        suite: "zste", "order" and "all" ask about items of ZSTE and triples, "temporal" about pairs, which a
            file of items holds too.
        events: the events of the split, of which those of recordings with one name are asked about.
        n_pairs: pairs for each slice of a new list.
        seed: of its draw.

    Raises:
        DataError: the file holds another list.
    """
    from chronoclap.evaluation import draw_items, draw_pairs, load_items, load_pairs, save_items, save_pairs
    from chronoclap.evaluation.recordings import RATE, once_named
    from chronoclap.evaluation.suites import draw_triples
    from chronoclap.evaluation.tasks.zero_shot import event_labels

    whole = suite not in ("temporal", "wordings", "sweeps")
    if items.exists():
        return load_items(items) if whole else load_pairs(items)
    named = once_named(events)
    played = playable(named, RATE)
    pairs = draw_pairs(played, n_pairs, seed)
    with replacing(items) as new:
        if not whole:
            save_pairs(pairs, new)
            return pairs
        drawn = draw_items(pairs, event_labels(named), seed, draw_triples(played, n_pairs, seed))
        save_items(drawn, new)
        return drawn

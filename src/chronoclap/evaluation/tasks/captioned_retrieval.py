"""Retrieval between recordings and the captions that people wrote of them, and with their order turned round.

The captions are asked as they stand, without a prompt: of AudioCaps, Clotho or any manifest, several to a
recording and not always as many. A tie counts against the model, so that collapsed embeddings find nothing.

- `text_to_audio_...`: each caption is a query, and right is the recording it was written of;
- `audio_to_text_...`: each recording is a query. The candidates are the distinct captions, and right are
  those written of it: R@k looks at the best of them, mAP@10 and mAP@16 at all. The published codes rank two
  equal captions by the order in which they happen to be sorted; here they are one.

`r1`, `r5`, `r10`, `map10` and `map16` have as chance what a random ranking gives, averaged over the queries,
as it depends on how many candidates are right: k / recordings for R@k of one. `medr` is the median rank of
the first right candidate, rounded down; lower is better, and its chance is that of random rankings: near half
the recordings for text_to_audio.

Where captions have contradictions, the same queries are asked with the order turned round:
`text_to_audio_r1_flipped` (and `r5`, `r10`) is how often the flipped text still finds the recording, which it
is false of; `..._original` is the true text's recall on those queries, and `..._drop` the first from the
second. A model that hears order drops far; one that does not drops by nothing, and its chance is 0. A caption
with several contradictions counts once, with the mean over them. Intervals are over sources, those of the
drop over both recalls at once.

Source: R@k, mAP@10 and medR as WavCaps' retrieval code computes them (ranks sorted first, which LAION's
audio-to-text code does not do), mAP@16 as DCASE asks since 2025, but for equal captions and ties; flipped
captions after Oncescu et al. 2024 (DTU), who turn round the captions that tell an order and leave the others
among the queries: here only those that were turned round are asked.
"""

import json
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chronoclap.audio import AUDIO_SUFFIXES
from chronoclap.data.clips import CaptionedClip, read_clips
from chronoclap.data.corpora import sentence
from chronoclap.data.library import Library
from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder, embed_sounds, embed_texts
from chronoclap.evaluation.metrics import similarities
from chronoclap.evaluation.ranking import (
    median_rank,
    median_rank_chance,
    recall_at,
    recall_chance,
    true_ranks,
)
from chronoclap.evaluation.rows import ALL, Grouping, Row, distinct
from chronoclap.evaluation.tasks.retrieval import RECALLS, score_ranks
from chronoclap.scenes.event import in_split

TASK = "captioned_retrieval"
CLIP = "clip"  # The one slice there is, beside that of all.


def read_retrieval_clips(path: str, split: str) -> list[CaptionedClip]:
    """The captioned recordings of a split.

    Args:
        path: as `read_clips` takes it: a corpus of captions such as "clotho:FOLDER", or a table.
        split: "train", "val" or "test", or "all" of them.

    Returns:
        One for each recording and caption.

    Raises:
        DataError: nothing can be read, or the split has fewer than two recordings to choose from.
    """
    clips = [clip for clip in read_clips(path) if in_split(clip.split, split) and clip.recording]
    _check_choice(path, clips, f"the split {split!r}")
    return clips


def read_dtu(original: Path, flipped: Sequence[Path], folder: Path) -> list[CaptionedClip]:
    """Captions of DTU (Oncescu et al. 2024) with their flipped forms, as published.

    Both kinds of file are JSON of the form {"data": [{"caption_1": ..., "audio": ...}, ...]}, one entry for
    each recording, with one `caption` or several numbered ones. A caption that its flipped file repeats word
    for word tells no order, and has no contradiction.

    Args:
        original: the file of true captions, such as `test_audioset_5_future_past.json`. flipped: files of the
            same captions turned round, such as `..._reverse.json` or `..._replace.json`. For numbers of each
            kind of flip, as the authors give them, read and evaluate one at a time.
        folder: with the recordings, at any depth, under the file names of the original or, for AudioCaps,
            under those that the corpus's reader knows (by YouTube video and start).

    Returns:
        One for each recording that is there and each of its captions, split "test".

    Raises:
        DataError: a file is of another form, two do not belong together, or fewer than two recordings are
            there.

    Warns:
        UserWarning: some recordings are not there; they are left out.
    """
    library = Library(audio_files(folder))
    turned = [(file, _dtu_captions(file)) for file in flipped]
    clips = []
    for name, captions in _dtu_captions(original).items():
        found = library.find(*_dtu_stems(name))
        for key, caption in captions.items():
            others = []
            for file, table in turned:
                if key not in table.get(name, {}):
                    raise DataError(
                        f"{file} has no {key} of {name}: give the flipped form of {original}, as published."
                    )
                others.append(table[name][key])
            false = tuple(distinct(other for other in others if other != caption))
            if found:
                clips.append(CaptionedClip(caption, found, name, "test", false))
    warn_of_missing(str(original), folder, library.missing, library.asked)
    _check_choice(str(original), clips, str(folder))
    return clips


def evaluate(
    embedder: Embedder, clips: Sequence[CaptionedClip], *, seed: int = 0, progress: bool = False
) -> list[Row]:
    """Measure retrieval in both directions, and of flipped captions where there are any.

    Args:
        embedder: the model.
        clips: one for each recording and caption, every one with a recording, two recordings at least.
        seed: of the bootstrap over sources.
        progress: show the model's progress bar.

    Returns:
        Rows of "captioned_retrieval", slice "all": `text_to_audio_` and `audio_to_text_` with `r1`, `r5`,
        `r10`, `map10`, `map16` and `medr`; with flipped captions also `text_to_audio_r1_original`,
        `_r1_flipped`, `_r1_drop` and the same of `r5` and `r10`.

    Raises:
        AudioError: a recording cannot be read.
    """
    recordings, captions = (
        distinct(clip.recording for clip in clips),
        distinct(clip.caption for clip in clips),
    )
    audio = embed_sounds(embedder, recordings, len(recordings), progress=progress)
    text = embed_texts(embedder, captions)
    place = {recording: index for index, recording in enumerate(recordings)}
    line = {caption: index for index, caption in enumerate(captions)}
    own = np.array([place[clip.recording] for clip in clips])
    said = np.array([line[clip.caption] for clip in clips])

    similarity = similarities(audio, text)
    ranks = true_ranks(similarity.T[said], np.arange(len(recordings)) == own[:, None])
    written = np.zeros(similarity.shape, dtype=bool)
    written[own, said] = True
    sources = [(clip.source or clip.recording,) for clip in clips]
    source_of = dict(zip(own.tolist(), sources, strict=True))
    by_recording = [source_of[index] for index in range(len(recordings))]
    return [
        *_direction_rows(embedder.name, "text_to_audio", ranks, sources, seed),
        *_direction_rows(embedder.name, "audio_to_text", true_ranks(similarity, written), by_recording, seed),
        *_flip_rows(embedder, clips, audio, own, ranks, seed),
    ]


def audio_files(folder: Path) -> Iterable[Path]:
    """The recordings in a folder, at any depth.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}: give the one that holds the recordings.")
    return (file for file in folder.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)


def warn_of_missing(table: str, folder: Path, missing: Sequence[str], asked: int) -> None:
    """Say how many recordings are not there.

    Args:
        table: what names the recordings.
        folder: where they were looked for.
        missing: names of those that are not there.
        asked: how many were looked for.

    Raises:
        DataError: all are missing.

    Warns:
        UserWarning: some are.
    """
    if missing and len(missing) == asked:
        raise DataError(
            f"{table}: none of its {asked} recordings is in {folder}, such as {missing[0]}; put them there "
            "under their published names."
        )
    if missing:
        warnings.warn(
            f"{table}: {len(missing)} of {asked} recordings are not in {folder} and are left out, "
            f"{missing[0]} first.",
            UserWarning,
            stacklevel=3,
        )


def read_json(file: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as JSON ({error}): fetch it again.") from error
    if not isinstance(found, dict):
        raise DataError(f"{file} holds no JSON object: give the file as it is published.")
    return found


def _check_choice(table: str, clips: Sequence[CaptionedClip], where: str) -> None:
    count = len({clip.recording for clip in clips})
    if count < 2:
        raise DataError(f"{table}: retrieval needs two recordings to choose from, and {where} has {count}.")


def _dtu_captions(file: Path) -> dict[str, dict[str, str]]:
    """The captions of each recording, by the stem of its name and by their own."""
    entries = read_json(file).get("data")
    if not isinstance(entries, list):
        raise DataError(f"{file} has no list 'data': give a file of DTU as it is published.")
    table = {}
    for number, entry in enumerate(entries, start=1):
        texts = entry if isinstance(entry, dict) else {}
        captions = {key: text for key, text in texts.items() if re.fullmatch(r"caption(_\d+)?", key)}
        audio = texts.get("audio")
        if not captions or not all(isinstance(text, str) for text in (audio, *captions.values())):
            raise DataError(
                f"{file}, entry {number} of 'data': it needs 'audio' and 'caption' (or 'caption_1' and so "
                "on) as text; fetch the file again."
            )
        table[Path(str(audio)).stem] = {key: sentence(text) for key, text in captions.items()}
    return table


def _dtu_stems(name: str) -> tuple[str, ...]:
    """What a recording may be called: as published, or as folders of AudioCaps have it."""
    segment = re.fullmatch(r"(.{11})_(\d+)_\d+", name)
    if not segment:
        return (name,)
    video, start = segment[1], segment[2]
    return name, f"{video}_{int(start) // 1000}", video, f"Y{video}", f"{video}_{start}"


def _direction_rows(
    model: str, direction: str, ranks: np.ndarray, sources: Sequence[tuple[str]], seed: int
) -> list[Row]:
    groups = Grouping([CLIP] * len(ranks), sources, (ALL,), seed)
    counts = np.isfinite(ranks).sum(axis=1).tolist()
    middle = median_rank(ranks, sources, seed=seed)
    chance = float(median_rank_chance(counts, ranks.shape[1]))
    return [
        *score_ranks(model, TASK, direction, ranks, groups),
        Row(model, TASK, f"{direction}_medr", ALL, *middle, chance, len(ranks)),
    ]


def _flip_rows(
    embedder: Embedder,
    clips: Sequence[CaptionedClip],
    audio: np.ndarray,
    own: np.ndarray,
    ranks: np.ndarray,
    seed: int,
) -> list[Row]:
    """The recall of flipped captions beside that of the true ones.

    Args:
        embedder: the model.
        clips: the captions.
        audio: (recordings, dim).
        own: (captions,) index of the recording of each.
        ranks: (captions, recordings) of the true captions.
        seed: of the bootstrap.
    """
    told = [index for index, clip in enumerate(clips) if clip.contradictions]
    if not told:
        return []
    false = [clips[index].contradictions or () for index in told]
    counts = np.array([len(several) for several in false])
    text = embed_texts(embedder, [contradiction for several in false for contradiction in several])
    right = np.arange(len(audio)) == np.repeat(own[told], counts)[:, None]
    flipped = true_ranks(similarities(audio, text).T, right)
    starts = np.cumsum(counts) - counts
    sources = [(clips[index].source or clips[index].recording,) for index in told]
    groups = Grouping([CLIP] * len(told), sources, (ALL,), seed)
    rows = []
    for k in RECALLS:
        before = recall_at(ranks[told], k)
        after = np.add.reduceat(recall_at(flipped, k), starts) / counts
        blind = recall_chance(1, len(audio), k)
        for name, values, chance in (
            ("original", before, blind),
            ("flipped", after, blind),
            ("drop", before - after, 0.0),
        ):
            rows += groups.rows(embedder.name, TASK, f"text_to_audio_r{k}_{name}", values, chance=chance)
    return rows

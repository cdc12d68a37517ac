"""Captioned sounds with captions that are false of them: does a model choose the true one?

The sounds are real clips whose captions were contradicted (`chronoclap rewrite`), or scenes with the captions
and contradictions that they were composed with (`chronoclap compose --shards`). `true` is 1 where a sound is
nearer to its caption than to each of its k contradictions; a tie is wrong. Chance is 1/(k+1), item by item.

Source: ours; of the form of CompA's text score and of DTU's order-flipped captions (Oncescu et al. 2024).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chronoclap.audio import AudioSource, Waveform
from chronoclap.data.clips import CaptionedClip
from chronoclap.data.shards import Stored, find_shards, stored_in
from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder, embed_sounds, embed_texts
from chronoclap.evaluation.metrics import similarities, wins
from chronoclap.evaluation.rows import ALL, Grouping, Row, distinct
from chronoclap.scenes.event import in_split

TASK = "captions"
METRIC = "true"


@dataclass(frozen=True, slots=True)
class CaptionedSound:
    """A sound, what is true of it and what is not.

    Attributes:
        sound: a path, or where in a shard it lies.
        caption: true of it.
        contradictions: false of it, one at least.
        sources: the recordings that it is made of.
        relation: of a scene, how its events lie in time; "clip" of a real one.
    """

    sound: str | Stored
    caption: str
    contradictions: tuple[str, ...]
    sources: tuple[str, ...]
    relation: str

    def heard(self) -> AudioSource:
        """The sound, as a model takes it."""
        if isinstance(self.sound, str):
            return self.sound
        sample = self.sound.sample()
        return Waveform(sample.audio, sample.rate)


def of_clips(clips: Iterable[CaptionedClip]) -> list[CaptionedSound]:
    """The clips that have a contradiction."""
    return [
        CaptionedSound(clip.recording, clip.caption, clip.contradictions, (clip.source,), "clip")
        for clip in clips
        if clip.contradictions
    ]


def in_shards(folder: Path, split: str) -> list[CaptionedSound]:
    """The scenes of a split that have a contradiction.

    Args:
        folder: of shards.
        split: "train", "val" or "test", or "all" of them.

    Raises:
        DataError: there is none, or a shard cannot be read.
    """
    found = []
    for stored in stored_in(find_shards(folder)):
        scene = stored.scene()
        if in_split(scene["split"], split) and scene["contradictions"]:
            sources = tuple(event["source"] for event in scene["events"])
            false = tuple(scene["contradictions"])
            found.append(CaptionedSound(stored, scene["caption"], false, sources, scene["relation"]))
    if not found:
        which = "" if split == "all" else f" with --split {split}"
        raise DataError(f"{folder}: no scene of the split {split!r} is there: compose shards{which}.")
    return found


def evaluate(
    embedder: Embedder, items: Sequence[CaptionedSound], *, seed: int = 0, progress: bool = False
) -> list[Row]:
    """Measure how often a model prefers what is true.

    Args:
        embedder: the model.
        items: the sounds, at least one.
        seed: of the bootstrap over sources.
        progress: show the model's progress bar.

    Returns:
        Rows of task "captions", metric "true", for "all" and, if there are several, each relation.

    Raises:
        AudioError: a recording cannot be read.
    """
    vectors = embed_sounds(embedder, _heard(items), len(items), progress=progress)
    texts = embed_texts(embedder, [text for item in items for text in (item.caption, *item.contradictions)])
    scores, chances, at = [], [], 0
    for vector, item in zip(vectors, items, strict=True):
        count = 1 + len(item.contradictions)
        (similarity,) = similarities(vector[None], texts[at : at + count])
        scores.append(wins(similarity[0], similarity[1:].max()))  # a NaN is the largest, and wins nothing
        chances.append(1 / count)
        at += count
    relations = distinct(item.relation for item in items)
    groups = Grouping(
        [item.relation for item in items],
        [item.sources for item in items],
        (ALL, *(relations if len(relations) > 1 else ())),
        seed,
    )
    return groups.rows(embedder.name, TASK, METRIC, np.array(scores, np.float64), chance=np.array(chances))


def _heard(items: Sequence[CaptionedSound]) -> Iterator[AudioSource]:
    return (item.heard() for item in items)

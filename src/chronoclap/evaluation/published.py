"""Suites whose items come with captions: other people's benchmarks, and tables and shards of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from typing_extensions import TypeIs

from chronoclap.data.clips import CaptionedClip, contradicted
from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.tasks import audiotime, captioned, captioned_retrieval, compa

Published = Literal["captions", "compa-order", "compa-attribute", "audiotime", "dtu"]


def is_published(suite: str) -> TypeIs[Published]:
    """Whether the items of a suite come with captions."""
    return suite in get_args(Published)


@dataclass(frozen=True, slots=True)
class Captioned:
    """What every model is asked about captioned sounds, alike; of the three lists one has items.

    Attributes:
        suite: which.
        clips: recordings with their captions: of tables and corpora, AudioTime and DTU.
        scenes: of shards.
        items: of CompA.
    """

    suite: Published
    clips: Sequence[CaptionedClip] = ()
    scenes: Sequence[captioned.CaptionedSound] = ()
    items: Sequence[compa.CompaItem] = ()


def read_published(suite: Published, data: str, recordings: Path | None, split: str) -> Captioned:
    """Read what a suite asks.

    Args:
        suite: "captions": a table of captioned clips, a corpus of captions, or a folder of shards; retrieval
            between clips and captions, and true captions against false ones, by rule where the table has
            none. The others: a benchmark as it is published.
        data: the table, corpus, folder, or file of the benchmark; of DTU its file of true captions and those
            of flipped ones, with commas between.
        recordings: the folder with the recordings of a benchmark.
        split: of a table, corpus or shards, or "all".

    Raises:
        DataError: the data cannot be read, or there is nothing to ask.
    """
    if suite == "captions" and Path(data).is_dir():
        return Captioned(suite, scenes=captioned.in_shards(Path(data), split))
    if suite == "captions":
        return Captioned(suite, contradicted(captioned_retrieval.read_retrieval_clips(data, split)))
    if recordings is None:
        raise DataError(f"The suite {suite} needs the folder of its recordings: name it with --recordings.")
    if suite == "audiotime":
        return Captioned(suite, audiotime.read_audiotime(Path(data), recordings))
    if suite == "dtu":
        original, *flipped = (Path(file) for file in data.split(","))
        return Captioned(suite, captioned_retrieval.read_dtu(original, flipped, recordings))
    part: compa.Part = "order" if suite == "compa-order" else "attribute"
    return Captioned(suite, items=compa.read_compa(part, Path(data), recordings))


def ask_published(
    embedders: Sequence[Embedder], asked: Captioned, seed: int = 0, progress: bool = False
) -> list[Row]:
    """Ask every model the same about captioned sounds.

    Args:
        embedders: the models.
        asked: what; `read_published` reads it.
        seed: of the bootstrap.
        progress: show the models' progress bars.

    Returns:
        The rows, model by model.
    """
    false = [*(captioned.of_clips(asked.clips) if asked.suite == "captions" else ()), *asked.scenes]
    rows: list[Row] = []
    for embedder in embedders:
        if asked.suite == "audiotime":
            rows += audiotime.evaluate(embedder, asked.clips, seed=seed, progress=progress)
        elif asked.clips:
            rows += captioned_retrieval.evaluate(embedder, asked.clips, seed=seed, progress=progress)
        if false:
            rows += captioned.evaluate(embedder, false, seed=seed, progress=progress)
        if asked.items:
            rows += compa.evaluate(embedder, asked.items, seed=seed, progress=progress)
    return rows

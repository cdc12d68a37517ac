"""Suites whose items come with captions: other people's benchmarks, and tables and shards of one's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from typing_extensions import TypeIs

from chronoclap.data.clips import contradicted
from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.tasks import audiotime, captioned, captioned_retrieval, compa

Published = Literal["captions", "compa-order", "compa-attribute", "audiotime", "dtu"]


def is_published(suite: str) -> TypeIs[Published]:
    """Whether the items of a suite come with captions."""
    return suite in get_args(Published)


def ask_published(
    suite: Published,
    embedders: Sequence[Embedder],
    data: str,
    recordings: Path | None,
    split: str,
    seed: int = 0,
    progress: bool = False,
) -> list[Row]:
    """Ask every model about captioned sounds.

    Args:
        suite: "captions": a table of captioned clips, a corpus of captions, or a folder of shards; retrieval
            between clips and captions, and true captions against false ones, by rule where the table has
            none. The others: a benchmark as it is published.
        embedders: the models.
        data: the table, corpus, folder, or file of the benchmark; of DTU its file of true captions and those
            of flipped ones, with commas between.
        recordings: the folder with the recordings of a benchmark.
        split: of a table, corpus or shards, or "all".
        seed: of the bootstrap.
        progress: show the models' progress bars.

    Raises:
        DataError: the data cannot be read, or there is nothing to ask.
    """
    rows: list[Row] = []
    if suite == "captions" and Path(data).is_dir():
        scenes = captioned.in_shards(Path(data), split)
        return [row for e in embedders for row in captioned.evaluate(e, scenes, seed=seed, progress=progress)]
    if suite == "captions":
        clips = contradicted(captioned_retrieval.read_retrieval_clips(data, split))
        false = captioned.of_clips(clips)
        for embedder in embedders:
            rows += captioned_retrieval.evaluate(embedder, clips, seed=seed, progress=progress)
            if false:
                rows += captioned.evaluate(embedder, false, seed=seed, progress=progress)
        return rows
    if recordings is None:
        raise DataError(f"The suite {suite} needs the folder of its recordings: name it with --recordings.")
    if suite == "audiotime":
        told = audiotime.read_audiotime(Path(data), recordings)
        for embedder in embedders:
            rows += audiotime.evaluate(embedder, told, seed=seed, progress=progress)
    elif suite == "dtu":
        original, *flipped = (Path(file) for file in data.split(","))
        turned = captioned_retrieval.read_dtu(original, flipped, recordings)
        for embedder in embedders:
            rows += captioned_retrieval.evaluate(embedder, turned, seed=seed, progress=progress)
    else:
        items = compa.read_compa("order" if suite == "compa-order" else "attribute", Path(data), recordings)
        for embedder in embedders:
            rows += compa.evaluate(embedder, items, seed=seed, progress=progress)
    return rows

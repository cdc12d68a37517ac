"""T-Classify and ZSTE as tasks of mteb.

The items are drawn by a seed from synthetic sounds, or from a manifest: nothing is downloaded. A row of the
dataset is an item; its sounds are made when they are listened to. The evaluation is that of `chronoclap
eval`, so that on the same items the numbers are the same.
"""

import hashlib
import json
import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict
from mteb.abstasks import AbsTask
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.results import TaskResult

import chronoclap
from chronoclap.data.manifest import BUILT_IN, by_split, read_manifest
from chronoclap.errors import DataError
from chronoclap.evaluation.items import Pair, draw_pairs, read_pair
from chronoclap.evaluation.metrics import pair_similarity
from chronoclap.evaluation.recordings import RATE, once_named
from chronoclap.evaluation.rows import ALL, Row
from chronoclap.evaluation.tasks import t_classify, zste
from chronoclap.evaluation.tasks.zero_shot import event_labels
from chronoclap.evaluation.tasks.zste_items import Item, ItemList, draw_items
from chronoclap.jobs import playable
from chronoclap.mteb.embedder import MtebEmbedder
from chronoclap.scenes.sounds import Sounds

ROWS = "rows"
MEAN = "mean"
MEAN_OF = ("zste_1_single", "zste_2_mixed", "zste_3_mixed", "zste_4_mixed", "zste_5_mixed")
"""Which scores the mean of ZSTE is of."""
_DIGITS = 8


def _metadata(name: str, description: str, **own: Any) -> TaskMetadata:
    return TaskMetadata(
        name=name,
        description=description,
        dataset={"path": BUILT_IN, "revision": chronoclap.__version__},
        category="a2t",
        modalities=["audio", "text"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        domains=["AudioScene"],
        annotations_creators="algorithmic",
        sample_creation="created",
        **own,
    )


class OrderTask(AbsTask):
    """What the two tasks share.

    Args:
        data: what `read_manifest` reads: "foley", synthetic sounds; a manifest, a folder, or a corpus.
        split: the split to evaluate on; of its recordings those with one name are asked about.
        pairs: pairs of recordings for each slice of classes.
        seed: of the draw of items and of the bootstrap.

    Attributes:
        metadata: that of the class, with a digest of what the items are drawn from at the end of the name.
            mteb looks for earlier results by the name of a task alone, and would take those of other items
            for these.

    Raises:
        DataError: the data cannot be read, or have nothing in the split.
    """

    metadata: TaskMetadata
    data_loaded: bool

    def __init__(
        self,
        data: str | os.PathLike[str] = BUILT_IN,
        *,
        split: str = "test",
        pairs: int = 200,
        seed: int = 0,
    ) -> None:
        self.events = once_named(by_split(read_manifest(data), split))
        if not self.events:
            raise DataError(f"{data}: no event is in the split {split!r}; choose another.")
        self.pairs = pairs
        self.sounds = Sounds(rate=RATE)
        drawn_from = [chronoclap.__version__, [asdict(event) for event in self.events], pairs, seed]
        digest = hashlib.sha256(json.dumps(drawn_from).encode()).hexdigest()
        published = type(self).metadata
        self.metadata = published.model_copy(
            update={
                "name": f"{published.name}-{digest[:_DIGITS]}",
                "dataset": {"path": os.fspath(data), "revision": digest},
                "eval_splits": [split],
            }
        )
        super().__init__(seed=seed)

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        """Draw the items; recordings that cannot be read are reported and left out.

        Args:
            num_proc, kwargs: mteb's; drawing takes no time to speak of, and they change nothing.

        Raises:
            DataError: the recordings make no pairs, or for ZSTE have too few names.
            AudioError: no recording can be read.
        """
        if self.data_loaded:
            return
        pairs = draw_pairs(playable(self.events, RATE), self.pairs, self.seed)
        if not pairs:
            raise DataError(
                f"{self.metadata.dataset['path']}: no two kinds of sound can be paired; give more of them."
            )
        (split,) = self.metadata.eval_splits
        self.dataset = DatasetDict({split: Dataset.from_list(self._draw(pairs))})
        self.data_loaded = True

    def unload_data(self) -> None:
        """Forget the items and what was heard; the name stays, which mteb would put back to the class's."""
        own = self.metadata
        super().unload_data()
        self.metadata = own
        self.sounds = Sounds(rate=RATE)

    def _evaluate_subset(
        self,
        model: Any,
        data_split: Dataset,
        *,
        hf_split: str,
        hf_subset: str,
        encode_kwargs: dict[str, Any],
        prediction_folder: Path | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        embedder = MtebEmbedder(model, self.metadata, hf_split, hf_subset, encode_kwargs)
        progress = encode_kwargs.get("show_progress_bar", True)
        rows, similarity = self._ask(embedder, list(data_split), progress)
        if prediction_folder is not None:
            self._save_task_predictions(similarity, model, prediction_folder, hf_split, hf_subset)
        return self._scores(rows)

    def _calculate_descriptive_statistics_from_split(self, split: str, **kwargs: Any) -> dict[str, Any]:
        return {"num_samples": len(self.dataset[split])}

    @abstractmethod
    def _draw(self, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
        """The rows of the dataset."""

    @abstractmethod
    def _ask(
        self, embedder: MtebEmbedder, asked: Sequence[dict[str, Any]], progress: bool
    ) -> tuple[list[Row], dict[str, Any]]:
        """The rows of the report about some rows of the dataset, and the similarities behind them by name."""

    @abstractmethod
    def _name(self, row: Row) -> str:
        """What a number is called among mteb's scores."""

    def _scores(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What mteb keeps: the numbers over all items with their chances, and the whole report."""
        scores: dict[str, Any] = {}
        for row in rows:
            if row.slice == ALL:
                scores[self._name(row)] = row.value
                scores[f"{self._name(row)}_chance"] = row.chance
        return {**scores, ROWS: [row.to_dict() for row in rows]}


class TClassify(OrderTask):
    """Two sounds in a row: which text has their order, and which sound fits a text? See `t_classify`."""

    metadata = _metadata(
        "TClassify",
        "Two sounds follow each other: which of two texts has their order, and which of two sounds has the "
        "order of a text? Right where all four choices are.",
        type="Compositionality",
        prompt="Find the text that names the sounds in the order in which they are heard.",
        main_score="joint",
        reference="https://arxiv.org/abs/2404.17806",
    )

    def _draw(self, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
        return [{"first": asdict(pair.first), "second": asdict(pair.second)} for pair in pairs]

    def _ask(
        self, embedder: MtebEmbedder, asked: Sequence[dict[str, Any]], progress: bool
    ) -> tuple[list[Row], dict[str, Any]]:
        pairs = [read_pair(record) for record in asked]
        audio = t_classify.embed_pair_sounds(embedder, pairs, self.sounds, progress=progress)
        similarity = pair_similarity(audio, t_classify.embed_pair_texts(embedder, pairs))
        rows = t_classify.score(embedder.name, similarity, t_classify.grouping(pairs, seed=self.seed))
        return rows, {"similarity": similarity.tolist()}

    def _name(self, row: Row) -> str:
        return row.metric


class Zste(OrderTask):
    """The five tasks of ZSTE, from "which sound?" to "which was the second?". See `zste`.

    The main score is the mean of the five: `single` of task 1, and of the others `mixed`, which plays what
    was drawn for the item.
    """

    metadata = _metadata(
        "ZSTE",
        "One or two sounds: which are they, which comes first, which second, or do they sound together? The "
        "mean of five tasks.",
        type="AudioZeroshotClassification",
        prompt="Find the text that is true of what is heard.",
        main_score=MEAN,
        reference="https://arxiv.org/abs/2408.09269",
    )

    def _draw(self, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
        drawn = draw_items(pairs, event_labels(self.events), self.seed)
        return [
            {
                "first": asdict(item.pair.first),
                "second": asdict(item.pair.second),
                "alone": item.alone,
                "order": item.order,
                "mixed": item.mixed,
                "others": item.others,
                "labels": drawn.labels,
            }
            for item in drawn.items
        ]

    def _ask(
        self, embedder: MtebEmbedder, asked: Sequence[dict[str, Any]], progress: bool
    ) -> tuple[list[Row], dict[str, Any]]:
        items = ItemList(
            tuple(asked[0]["labels"]),
            tuple(
                Item(read_pair(own), own["alone"], own["order"], own["mixed"], tuple(own["others"]))
                for own in asked
            ),
        )
        heard = zste.embed_items(embedder, items, self.sounds, progress=progress)
        similarity = zste.compare(embedder, items, heard)
        rows = zste.score(embedder.name, items, similarity, self.seed)
        return rows, {name: values.tolist() for name, values in similarity._asdict().items()}

    def _name(self, row: Row) -> str:
        return f"{row.task}_{row.metric}"

    def _scores(self, rows: Sequence[Row]) -> dict[str, Any]:
        scores = super()._scores(rows)
        for end in ("", "_chance"):
            scores[MEAN + end] = sum(scores[name + end] for name in MEAN_OF) / len(MEAN_OF)
        return scores


def read_rows(result: TaskResult) -> list[Row]:
    """Read the report in a result of one of these tasks, for `tables`, `plot` and `write_json`.

    Args:
        result: as `mteb.evaluate` gives it, or read from a file, where mteb rounds to six decimals.

    Returns:
        The rows: every metric in every slice, with its interval and its chance.
    """
    return [Row(**row) for scores in result.scores.values() for one in scores for row in one[ROWS]]

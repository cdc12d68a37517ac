import csv
import importlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tone_world import Ear

from small_htsat import write_with_transformers

pytest.importorskip("mteb", reason='needs pip install "chronoclap[mteb]"')

import mteb
from datasets import Dataset, DatasetDict
from mteb.models.model_meta import ModelMeta
from mteb.results import TaskResult
from mteb.tasks import ESC50ZeroshotClassification
from torch.utils.data import DataLoader

import chronoclap
from chronoclap import Clap
from chronoclap.audio import Waveform
from chronoclap.data.manifest import by_split, foley_events
from chronoclap.errors import ChronoclapError, DataError, ModelError
from chronoclap.evaluation.items import draw_pairs
from chronoclap.evaluation.recordings import RATE, whole
from chronoclap.evaluation.rows import Row
from chronoclap.evaluation.tasks import t_classify, zste
from chronoclap.evaluation.tasks.zero_shot import event_labels
from chronoclap.evaluation.tasks.zste_items import draw_items
from chronoclap.mteb import ChronoclapEncoder, TClassify, Zste, read_rows
from chronoclap.mteb.tasks import OrderTask
from chronoclap.scenes.event import Event
from chronoclap.scenes.sounds import Sounds

PAIRS, SEED = 1, 3


@pytest.fixture(scope="module")
def encoder() -> ChronoclapEncoder:
    return ChronoclapEncoder("compact")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> mteb.ResultCache:
    return mteb.ResultCache(tmp_path_factory.mktemp("mteb"))


@pytest.fixture(scope="module")
def results(encoder: ChronoclapEncoder, cache: mteb.ResultCache) -> list[TaskResult]:
    tasks = [TClassify(pairs=PAIRS, seed=SEED), Zste(pairs=PAIRS, seed=SEED)]
    return mteb.evaluate(encoder, tasks=tasks, cache=cache, show_progress_bar=False).task_results


@pytest.fixture
def manifest(events: list[Event], tmp_path: Path) -> Path:
    """The world of tones as a table."""
    path = tmp_path / "tones.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "event", "split", "source", "class_unseen"])
        for event in events:
            row = [Path(event.recording).name, event.phrase, event.split, event.source]
            table.writerow([*row, int(event.class_unseen)])
    return path


class ForeignEar:
    """A perfect ear as others build their encoders for mteb: a collator of its own, tensors of any length."""

    def __init__(self, ear: Ear) -> None:
        self.ear = ear
        self.mteb_model_meta = ModelMeta.create_empty(
            {"name": f"others/{ear.name}", "revision": "1", "modalities": ["audio", "text"]}
        )
        self.batches: list[int] = []

    def encode(self, inputs: DataLoader[Any], **kwargs: Any) -> torch.Tensor:
        assert kwargs["task_metadata"].modalities == ["audio", "text"]
        assert (kwargs["hf_split"], kwargs["hf_subset"]) == ("test", "default")
        if "text" in inputs.dataset.features:
            vectors = self.ear.embed_text([text for batch in inputs for text in batch["text"]])
        else:
            inputs.collate_fn = self.collate
            vectors = self.ear.embed_audio([sound for batch in inputs for sound in batch["audio"]])
        return torch.from_numpy(3 * vectors)

    def collate(self, rows: Sequence[dict[str, Any]]) -> dict[str, list[Waveform]]:
        self.batches.append(len(rows))
        for row in rows:
            row["audio"] = Waveform(row["audio"]["array"], row["audio"]["sampling_rate"])
        return {"audio": [row["audio"] for row in rows]}

    def similarity(self, one: Any, other: Any) -> Any:
        raise NotImplementedError

    similarity_pairwise = similarity


def expected(clap: Clap) -> tuple[list[Row], list[Row]]:
    """What our own evaluation says of the same items."""
    events, sounds = by_split(foley_events(), "test"), Sounds(rate=RATE)
    pairs = draw_pairs(events, PAIRS, SEED)
    items = draw_items(pairs, event_labels(events), SEED)
    return (
        t_classify.evaluate(clap, pairs, sounds, seed=SEED),
        zste.evaluate(clap, items, sounds, seed=SEED),
    )


def assert_same(found: Sequence[Row], wanted: Sequence[Row], tolerance: float) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        numbers = {name: getattr(other, name) for name in ("value", "low", "high", "chance")}
        assert replace(one, model=other.model, **numbers) == other
        for name, number in numbers.items():
            assert getattr(one, name) == pytest.approx(number, abs=tolerance)


def test_scores_are_those_of_our_own_evaluation(
    results: list[TaskResult], encoder: ChronoclapEncoder
) -> None:
    for result, rows in zip(results, expected(encoder.model), strict=True):
        found = read_rows(result)
        assert {row.model for row in found} == {"chronoclap/compact"}
        assert_same(found, rows, 1e-9)


def test_main_scores_and_chances(results: list[TaskResult]) -> None:
    (order,), (names,) = (result.scores["test"] for result in results)
    rows = [row for result in results for row in read_rows(result)]
    overall = {(row.task, row.metric): row for row in rows if row.slice == "all"}
    assert order["main_score"] == order["joint"] == overall["t_classify", "joint"].value
    assert (order["audio_to_text_chance"], order["joint_chance"]) == (1 / 2, 1 / 6)
    five = [overall["zste_1", "single"], *(overall[f"zste_{task}", "mixed"] for task in range(2, 6))]
    assert names["main_score"] == names["mean"] == pytest.approx(np.mean([row.value for row in five]))
    assert names["mean_chance"] == pytest.approx(np.mean([row.chance for row in five]))
    assert names["zste_3_mixed_chance"] == pytest.approx(1 / 3)
    assert [result.main_score for result in results] == [order["main_score"], names["main_score"]]


def test_results_are_written_as_json_and_come_back(results: list[TaskResult], tmp_path: Path) -> None:
    for result in results:
        result.to_disk(tmp_path / "result.json")
        back = TaskResult.from_disk(tmp_path / "result.json")
        assert back.task_name == result.task_name
        assert back.main_score == pytest.approx(result.main_score, abs=1e-6)
        assert_same(read_rows(back), read_rows(result), 1e-6)


def test_earlier_results_are_of_the_same_items_only(
    results: list[TaskResult],
    encoder: ChronoclapEncoder,
    cache: mteb.ResultCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Asked(Exception):
        pass

    def encode(*args: Any, **kwargs: Any) -> None:
        raise Asked

    monkeypatch.setattr(encoder, "encode", encode)
    task = TClassify(pairs=PAIRS, seed=SEED)
    again = mteb.evaluate(encoder, task, cache=cache, show_progress_bar=False).task_results[0]
    assert again.scores["test"][0]["joint"] == pytest.approx(results[0].scores["test"][0]["joint"])
    for other in (TClassify(pairs=PAIRS, seed=SEED + 1), TClassify(pairs=PAIRS + 1, seed=SEED)):
        with pytest.raises(Asked):
            mteb.evaluate(encoder, other, cache=cache, show_progress_bar=False)


@pytest.mark.parametrize("kind", [TClassify, Zste])
def test_a_seed_gives_one_dataset(kind: type[OrderTask]) -> None:
    def made(seed: int) -> tuple[str, bytes, list[dict[str, Any]]]:
        task = kind(pairs=PAIRS, seed=seed)
        task.load_data()
        rows = task.dataset["test"].to_list()
        pairs = draw_pairs(by_split(foley_events(), "test"), PAIRS, seed)
        sound = next(t_classify.pair_sounds(pairs, task.sounds))
        assert {row["first"]["phrase"] for row in rows} <= {event.phrase for event in task.events}
        return task.metadata.name, sound.samples.tobytes(), rows

    assert made(0) == made(0)
    assert all(one != other for one, other in zip(made(0), made(1), strict=True))


def test_a_task_can_be_run_again(encoder: ChronoclapEncoder) -> None:
    task = TClassify(pairs=PAIRS)
    name = task.metadata.name
    task.load_data()
    assert task._calculate_descriptive_statistics_from_split("test") == {"num_samples": 3 * PAIRS}
    task.unload_data()
    assert (task.metadata.name, task.dataset) == (name, None)
    assert TClassify.metadata.name == "TClassify"


def test_any_encoder_of_mteb_is_asked(manifest: Path, tmp_path: Path) -> None:
    ear = ForeignEar(Ear("ear"))
    tasks = [TClassify(manifest, pairs=25), Zste(manifest, pairs=8)]
    options = {"batch_size": 10, "show_progress_bar": False}
    found = mteb.evaluate(
        ear, tasks, cache=None, encode_kwargs=options, prediction_folder=tmp_path / "predictions"
    )
    for result in found.task_results:
        assert result.main_score == 1.0
        assert {(row.model, row.value) for row in read_rows(result)} == {("others/ear", 1.0)}
    assert ear.ear.rates == {RATE}
    # Whole batches, although not all sounds are in memory at a time.
    assert ear.batches[:12] == [10] * 11 + [8]
    assert sorted(path.name for path in (tmp_path / "predictions").iterdir()) == sorted(
        f"{task.metadata.name}_predictions.json" for task in tasks
    )
    deaf = mteb.evaluate(ForeignEar(Ear("deaf", blind=True)), tasks[:1], cache=None, encode_kwargs=options)
    assert deaf.task_results[0].main_score == 0.0


def test_an_encoder_without_ears_is_refused() -> None:
    reader = ForeignEar(Ear())
    reader.mteb_model_meta = reader.mteb_model_meta.model_copy(update={"modalities": ["text"]})
    with pytest.raises(ValueError, match="supports"):
        mteb.evaluate(reader, TClassify(pairs=1), cache=None, show_progress_bar=False)


def test_tasks_of_mteb_hear_through_our_encoder(encoder: ChronoclapEncoder) -> None:
    events = by_split(foley_events(test=1), "test")[:8]
    names = event_labels(events)
    sounds = [whole(event) for event in events]

    class OfOurs(ESC50ZeroshotClassification):
        def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
            rows = [
                {
                    "audio": {"array": sound.samples, "sampling_rate": sound.rate},
                    "target": names.index(e.phrase),
                }
                for sound, e in zip(sounds, events, strict=True)
            ]
            self.dataset = DatasetDict({"train": Dataset.from_list(rows)})
            self.data_loaded = True

        def get_candidate_labels(self) -> list[str]:
            return [f"this is a sound of {name}" for name in names]

    assert isinstance(encoder, mteb.EncoderProtocol)
    result = mteb.evaluate(encoder, OfOurs(), cache=None, show_progress_bar=False).task_results[0]
    clap = encoder.model
    similarity = clap.embed_audio(sounds) @ clap.embed_text(OfOurs().get_candidate_labels()).T
    right = [names[best] == event.phrase for best, event in zip(similarity.argmax(1), events, strict=True)]
    assert result.scores["train"][0]["accuracy"] == np.mean(right)


def listed(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


def batches(**columns: list[Any]) -> DataLoader[Any]:
    return DataLoader(Dataset.from_dict(columns), 2, collate_fn=listed)


def test_encoder_embeds_texts_sounds_and_both(tiny_checkpoint: Path, tiny_clap: Clap) -> None:
    encoder = ChronoclapEncoder(tiny_checkpoint)
    told = {"task_metadata": TClassify.metadata, "hf_split": "test", "hf_subset": "default"}
    told["show_progress_bar"] = False
    noise = np.random.default_rng(0).standard_normal((3, 2, 8_000)).astype(np.float32) / 10
    texts = ["a dog", "rain, then a siren", "wind"]
    stereo = [{"array": both, "sampling_rate": 16_000} for both in noise.tolist()]
    heard = tiny_clap.embed_audio([Waveform(both.mean(axis=0), 16_000) for both in noise])
    read = tiny_clap.embed_text(texts)
    np.testing.assert_allclose(encoder.encode(batches(text=texts), **told), read, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(batches(audio=stereo), **told), heard, atol=1e-6)
    both = encoder.encode(batches(audio=stereo, text=texts), **told)
    np.testing.assert_allclose(both, heard + read, atol=1e-6)
    with pytest.raises(ModelError, match="gives image: choose a task"):
        encoder.encode(batches(image=["one"]), **told)


def test_revision_is_of_the_weights(tiny_checkpoint: Path, tmp_path: Path) -> None:
    clap = chronoclap.load(tiny_checkpoint)
    found = ChronoclapEncoder(tiny_checkpoint).mteb_model_meta.revision
    assert ChronoclapEncoder(tiny_checkpoint, found).mteb_model_meta.revision == found
    with torch.no_grad():
        clap.model.log_scale.add_(0.1)
    trained = clap.save(tmp_path / "trained")
    assert ChronoclapEncoder(trained).mteb_model_meta.revision != found
    with pytest.raises(ModelError, match="they have changed since"):
        ChronoclapEncoder(trained, found)


def test_mteb_can_load_the_model_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # mteb asks for torchaudio and torchcodec first, which this encoder has no use for.
    monkeypatch.setattr(ModelMeta, "_check_requirements", lambda self: None)
    small = write_with_transformers(tmp_path / "small")
    meta = ChronoclapEncoder(small, fill="silence").mteb_model_meta
    assert (meta.name, meta.embed_dim, meta.experiment_kwargs) == (
        "chronoclap/small",
        32,
        {"fill": "silence"},
    )
    again = meta.load_model()
    assert again.model.model.fill == "silence"
    assert again.mteb_model_meta.revision == meta.revision


def test_data_without_pairs_are_refused(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no event is in the split 'val'"):
        TClassify(manifest, split="val")
    header, *rows = manifest.read_text().splitlines()
    one_kind = tmp_path / "one_kind.csv"
    one_kind.write_text("\n".join([header, *(row for row in rows if ",dog," in row)]))
    with pytest.raises(DataError, match="can be paired"):
        TClassify(one_kind).load_data()


def test_without_mteb_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("chronoclap.mteb")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(ChronoclapError, match=r"chronoclap\[mteb\]"):
        importlib.import_module("chronoclap.mteb")

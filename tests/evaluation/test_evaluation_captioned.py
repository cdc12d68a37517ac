"""Captions against what contradicts them, of real clips and of scenes in shards."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from chronoclap.cli import app
from chronoclap.data.clips import read_clips
from chronoclap.errors import DataError
from chronoclap.evaluation.tasks.captioned import CaptionedSound, evaluate, in_shards, of_clips
from chronoclap.scenes.event import Event


class Liar:
    """Prefers texts by a table."""

    name = "liar"

    def __init__(self, liked: dict[str, float]) -> None:
        self.liked = liked

    def embed_audio(
        self, items: Iterable[object], *, batch_size: int = 8, progress: bool = False
    ) -> np.ndarray:
        return np.array([[1.0, 0.0] for _ in items], np.float32)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        x = np.array([self.liked[text] for text in texts])
        return np.stack([x, np.sqrt(1 - x**2)], axis=1).astype(np.float32)


def test_the_true_caption_must_beat_every_other(events: list[Event], tmp_path: Path) -> None:
    a, b, c = (Path(event.recording).name for event in events[:3])
    table = tmp_path / "clips.csv"
    rows = f"{a},A,A1\n{a},A,A2\n{b},B,B1\n{c},C,C1\n{c},D,\n"
    table.write_text("path,caption,contradiction,split\n" + rows.replace("\n", ",test\n"))
    items = of_clips(read_clips(table))
    assert [(item.caption, item.contradictions) for item in items] == [
        ("A", ("A1", "A2")),
        ("B", ("B1",)),
        ("C", ("C1",)),
    ]
    liked = {"A": 0.5, "A1": 0.4, "A2": 0.6, "B": 0.3, "B1": 0.1, "C": 0.2, "C1": 0.2}
    (row,) = evaluate(Liar(liked), items)
    assert row.value == pytest.approx(1 / 3)  # a tie is wrong
    assert row.chance == pytest.approx((1 / 3 + 1 / 2 + 1 / 2) / 3)
    assert (row.slice, row.n) == ("all", 3)


@pytest.mark.parametrize("lost", ["true", "false", "also false"])
def test_what_is_no_number_never_wins(lost: str) -> None:
    class Broken(Liar):
        def embed_text(self, texts: Sequence[str]) -> np.ndarray:
            vectors = super().embed_text(texts)
            vectors[texts.index(lost)] = np.nan
            return vectors

    items = [CaptionedSound("sound", "true", ("false", "also false"), ("sound",), "clip")]
    (row,) = evaluate(Broken({"true": 0.9, "false": 0.2, "also false": 0.1}), items)
    assert row.value == 0.0


def test_shards_are_asked_about_by_the_command(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    composed = [
        "compose",
        "--data",
        "foley",
        "--n",
        "8",
        "--shards",
        "2",
        "--workers",
        "0",
        "--split",
        "test",
    ]
    result = CliRunner().invoke(app, [*composed, "--rate", "16000", "--out", str(shards)])
    assert result.exit_code == 0, result.output
    asked = ["eval", "compact", "compact-base", "--suite", "captions", "--data", str(shards)]
    result = CliRunner().invoke(app, [*asked, "--json", str(tmp_path / "rows.json")])
    assert result.exit_code == 0, result.output
    from chronoclap.evaluation import read_json

    rows = read_json(tmp_path / "rows.json")
    assert {row.model for row in rows} == {"compact", "compact-base"}
    items = in_shards(shards, "test")
    assert {row.n for row in rows if row.slice == "all"} == {len(items)}
    assert all(item.heard().rate == 16_000 for item in items)


def test_nothing_to_ask(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--split val"):
        in_shards(tmp_path, "val")

"""A directory of the released size with random weights, trained and evaluated by the commands."""

import json
from pathlib import Path

import pytest
import torch
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizerFast
from typer.testing import CliRunner

import chronoclap
from chronoclap.cli import app
from small_htsat import write_tokenizer

FEW = ["--steps", "2", "--groups", "2", "--groups-per-step", "2", "--workers", "0"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HTSAT-tiny and RoBERTa-base, 153 million weights, as transformers writes them."""
    folder = tmp_path_factory.mktemp("full") / "clap"
    torch.manual_seed(0)
    clap = ClapModel(ClapConfig())
    assert sum(p.numel() for p in clap.parameters()) > 150e6
    clap.save_pretrained(folder)
    tokenizer = RobertaTokenizerFast.from_pretrained(write_tokenizer(folder.parent / "tokenizer"))
    extractor = ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50)
    ClapProcessor(extractor, tokenizer).save_pretrained(folder)
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_tclap_then_eval(directory: Path, tmp_path: Path) -> None:
    trained, report = tmp_path / "tclap", tmp_path / "report.json"
    said = run("train", "tclap", "--data", "foley", "--init", directory, "--out", trained, *FEW)
    assert "(100.0 %)" in said
    assert len((trained / "log.jsonl").read_text().splitlines()) == 2
    questions = ["--suite", "temporal", "--pairs", 1, "--oracle", "none"]
    run("eval", trained, "--data", "foley", "--json", report, *questions)
    rows = json.loads(report.read_text())
    assert {row["task"] for row in rows} >= {"t_classify", "zero_shot"}


def test_teminal(directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "teminal"
    said = run("train", "teminal", "--data", "foley", "--init", directory, "--out", out, *FEW)
    assert "teminal-a moves" in said
    assert "teminal-b moves" in said
    start, trained = (chronoclap.load(folder).model.state_dict() for folder in (directory, out))
    moved = {name for name in start if not torch.equal(start[name], trained[name])}
    assert {name.split(".")[2] for name in moved if "_model." in name} == {
        "audio_encoder",
        "encoder",
        "pooler",
    }
    assert not [name for name in moved if "encoder.layer.10." in name or "layers.2." in name]
    assert any("encoder.layer.11." in name for name in moved)
    assert any("layers.3." in name for name in moved)

"""Checkpoints of laion_clap: the numbers that its own code gives, and other files refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from typer.testing import CliRunner

import chronoclap
from chronoclap.cli import app
from chronoclap.errors import ModelError
from chronoclap.models.htsat_roberta.laion import Converted, convert_laion, recognise, rename
from chronoclap.models.pickled import read_pickled
from small_htsat import GOLDEN, LAION_IDS, laion_sound, laion_state, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def convert_file(path: Path, tokenizer: Path) -> Converted:
    return convert_laion(read_pickled(path), path, tokenizer)


def save(state: dict[str, torch.Tensor], path: Path) -> Path:
    """As a training run of laion_clap saves it."""
    torch.save(
        {"epoch": np.float64(3.5), "name": "run", "state_dict": state, "optimizer": {"lr": 1e-4}}, path
    )
    return path


@pytest.mark.parametrize(("kind", "tolerance"), [("unfused", 1e-6), ("fused", 1e-4)])
def test_embeddings_are_those_of_laion_clap(
    tmp_path: Path, tokenizer: Path, kind: str, tolerance: float
) -> None:
    golden = json.loads(GOLDEN[kind].read_text())
    model, architecture, dropped = convert_file(save(laion_state(kind), tmp_path / "x.pt"), tokenizer)
    model.change_policy(None, int16=True)
    with torch.no_grad():
        audio = model.encode_windows([laion_sound()])[0]
        text = F.normalize(
            model.clap.text_projection(model.plain_read(LAION_IDS, (LAION_IDS != 1).long())), dim=-1
        )
    np.testing.assert_allclose(audio, golden["audio"], atol=tolerance)
    np.testing.assert_allclose(text, golden["text"], atol=1e-6)
    assert ("fused" in architecture) == (kind == "fused")
    assert not [
        name
        for name in dropped
        if "projection" in name
        or ("layers" in name and "attn_mask" not in name and "relative_position_index" not in name)
    ]


def test_every_weight_is_used_or_named_as_dropped() -> None:
    state = {name.removeprefix("module."): tensor for name, tensor in laion_state("fused").items()}
    config, _ = recognise(state)
    kept = sum(tensor.numel() for tensor in rename(state).values())
    assert config["audio_config"]["depths"] == [2, 2, 4, 2]
    assert config["audio_config"]["num_attention_heads"] == [1, 2, 4, 8]
    assert kept > 0.2 * sum(tensor.numel() for tensor in state.values())


@pytest.mark.parametrize(("width", "name"), [(96, "HTSAT-tiny"), (128, "HTSAT-base"), (256, "HTSAT-large")])
def test_sizes_are_recognised(width: int, name: str) -> None:
    state = {key.removeprefix("module."): tensor for key, tensor in laion_state("unfused").items()}
    state["audio_branch.patch_embed.proj.weight"] = torch.zeros(width, 1, 4, 4)
    assert recognise(state)[1].startswith(name)


def test_the_command_writes_a_directory_that_loads(tmp_path: Path, tokenizer: Path) -> None:
    file = save(laion_state("unfused"), tmp_path / "630k-best.pt")
    result = CliRunner().invoke(
        app, ["convert", str(file), "--out", str(tmp_path / "out"), "--tokenizer", str(tokenizer)]
    )
    assert result.exit_code == 0, result.output
    assert "an HTSAT of width 24" in result.output
    clap = chronoclap.load(tmp_path / "out")
    assert clap.name == "630k-best"
    assert clap.info["converted_from"] == "630k-best.pt"
    assert clap.model.tokenizer.truncation["max_length"] == 77
    golden = json.loads(GOLDEN["unfused"].read_text())
    np.testing.assert_allclose(clap.embed_audio(laion_sound())[0], golden["audio"], atol=2e-6)


class TestRefusals:
    @pytest.mark.parametrize(
        ("names", "said"),
        [
            (["audio_branch.conv_block1.conv1.weight"], "PANN"),
            (["model.layer.weight"], "no CLAP"),
            (["audio_branch.layers.0.x", "text_branch.resblocks.0.x"], "CLIP's transformer"),
            (["audio_branch.layers.0.x", "text_branch.shared.weight"], "BART"),
        ],
    )
    def test_another_architecture_is_named(
        self, tmp_path: Path, tokenizer: Path, names: list[str], said: str
    ) -> None:
        file = save({name: torch.zeros(2) for name in names}, tmp_path / "x.pt")
        with pytest.raises(ModelError, match=said):
            convert_file(file, tokenizer)

    def test_so_is_bert(self, tmp_path: Path, tokenizer: Path) -> None:
        state = laion_state("unfused")
        name = "module.text_branch.embeddings.position_embeddings.weight"
        with pytest.raises(ModelError, match="BERT"):
            convert_file(save({**state, name: state[name][:512].clone()}, tmp_path / "x.pt"), tokenizer)

    def test_another_front_end(self, tmp_path: Path, tokenizer: Path) -> None:
        state = laion_state("unfused")
        state["module.audio_branch.logmel_extractor.melW"] *= 2
        with pytest.raises(ModelError, match="mel filters"):
            convert_file(save(state, tmp_path / "x.pt"), tokenizer)

    def test_a_file_cut_short(self, tmp_path: Path, tokenizer: Path) -> None:
        file = save(laion_state("unfused"), tmp_path / "x.pt")
        file.write_bytes(file.read_bytes()[:100_000])
        with pytest.raises(ModelError, match="damaged"):
            convert_file(file, tokenizer)

    def test_a_file_without_weights(self, tmp_path: Path, tokenizer: Path) -> None:
        torch.save({"state_dict": {}}, tmp_path / "x.pt")
        with pytest.raises(ModelError, match="no weights by name"):
            convert_file(tmp_path / "x.pt", tokenizer)

    def test_loading_a_file_says_to_convert_it(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="chronoclap convert"):
            chronoclap.load(save({"x": torch.zeros(1)}, tmp_path / "x.pt"))

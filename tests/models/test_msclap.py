"""Checkpoints of Microsoft's CLAP: the numbers that msclap's own code gives, and what TeminAL trains."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from torch.nn import functional as F
from typer.testing import CliRunner

import chronoclap
from chronoclap.cli import app
from chronoclap.errors import ModelError
from chronoclap.models.convert import convert
from chronoclap.models.msclap import MsClap
from chronoclap.training import find_recipe
from chronoclap.training.weights import choose_trained, to_train
from named_weights import named_weight
from tiny_tokenizer import tiny_tokenizer

YEARS = pytest.mark.parametrize("year", ["2022", "2023"])
IDS = torch.tensor([[69, 288, 292, 5, 7], [69, 288, 3, 0, 0]])
"""The token ids whose embeddings the golden files hold."""


def golden(year: str) -> dict:
    """What msclap 1.3.4 itself makes of the weights that `named_weight` gives: shapes by name, the embeddings
    of `sound` and of `IDS`."""
    return json.loads((Path(__file__).parent.parent / f"msclap_{year}.json").read_text())


def sound() -> np.ndarray:
    """Three seconds and a little at 44.1 kHz: a rising tone, a high one from the middle on, and noise."""
    t = np.arange(3 * 44_100 + 123) / 44_100
    tones = 0.3 * np.sin(2 * np.pi * 440 * t * (1 + 0.2 * t)) + 0.1 * np.sin(2 * np.pi * 3000 * t) * (t > 1.5)
    return (tones + 0.05 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)


def published(year: str, folder: Path) -> Path:
    """A file as Microsoft publishes it."""
    state = {}
    for name, shape in golden(year)["shapes"].items():
        kept = "extractor" in name or name.endswith(("attn_mask", "masked_bias"))
        state[name] = torch.zeros(shape) if kept else named_weight(name, tuple(shape))
        if name.endswith(
            ("position_ids", "token_type_ids", "relative_position_index", "num_batches_tracked")
        ):
            state[name] = state[name].long()
    torch.save({"model": state, "epoch": 3}, folder / f"CLAP_weights_{year}.pth")
    return folder / f"CLAP_weights_{year}.pth"


def write_tokenizer(year: str, folder: Path) -> Path:
    """BERT's kind, or GPT-2's with its mark of the end."""
    if year == "2022":
        tokenizer = tiny_tokenizer()
    else:
        letters = {
            letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))
        }
        tokenizer = Tokenizer(BPE(letters, []))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module", params=["2022", "2023"])
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The year, and the directory that the command makes of its file."""
    folder = tmp_path_factory.mktemp("msclap")
    file, tokenizer = published(request.param, folder), write_tokenizer(request.param, folder)
    result = CliRunner().invoke(
        app, ["convert", str(file), "--out", str(folder / "out"), "--tokenizer", str(tokenizer)]
    )
    assert result.exit_code == 0, result.output
    assert {"2022": "Cnn14 and BERT", "2023": "HTSAT and GPT-2"}[request.param] in result.output
    return request.param, folder / "out"


def test_embeddings_are_those_of_msclap(converted: tuple[str, Path]) -> None:
    year, directory = converted
    clap = chronoclap.load(directory)
    assert isinstance(clap.model, MsClap)
    expected = golden(year)
    np.testing.assert_allclose(clap.embed_audio(sound())[0], expected["audio"], atol=1e-5)
    with torch.no_grad():
        texts = F.normalize(clap.model.text_projection(clap.model.read(IDS, (IDS != 0).long())), dim=-1)
    np.testing.assert_allclose(texts, expected["text"], atol=1e-5)


def test_what_is_saved_comes_back_bit_for_bit(converted: tuple[str, Path], tmp_path: Path) -> None:
    clap = chronoclap.load(converted[1], fill="silence")
    again = chronoclap.load(clap.save(tmp_path / "again"))
    assert again.model.policy == clap.model.policy
    np.testing.assert_array_equal(again.embed_audio(sound()), clap.embed_audio(sound()))
    texts = ["a dog barks", "rain before a bell, and then a much longer end of it all"]
    np.testing.assert_array_equal(again.embed_text(texts), clap.embed_text(texts))
    assert clap.info["converted_from"].endswith(f"{converted[0]}.pth")


def test_texts_are_the_same_alone_and_beside_longer_ones(converted: tuple[str, Path]) -> None:
    clap = chronoclap.load(converted[1])
    both = clap.embed_text(["rain", "a dog barks before the rain falls"])
    np.testing.assert_allclose(both[:1], clap.embed_text("rain"), atol=1e-5)


def test_moments_cover_the_recording(converted: tuple[str, Path]) -> None:
    frames = chronoclap.load(converted[1]).frames(sound())
    assert frames.start[0] == 0
    np.testing.assert_allclose(frames.end[-1], len(sound()) / 44_100)
    np.testing.assert_allclose(np.linalg.norm(frames.vectors, axis=1), 1, atol=1e-5)


def test_teminal_moves_what_its_authors_move(converted: tuple[str, Path]) -> None:
    model = chronoclap.load(converted[1]).model.copy()
    trained = choose_trained(model, find_recipe("teminal-b", "msclap").trains)
    towers = {name.split(".")[0] for name in trained}
    assert {"audio_projection", "text_projection", "logit_scale"} <= towers
    assert ("cnn14.fc1.weight" in trained) == (converted[0] == "2022")
    assert not [name for name in trained if "blocks" in name or "embeddings" in name]
    assert len(choose_trained(model, find_recipe("tclap", "msclap").trains)) == len(list(model.parameters()))


def test_scenes_are_heard_whole_where_the_network_can(converted: tuple[str, Path]) -> None:
    start = chronoclap.load(converted[1]).model
    recipe = find_recipe("teminal-b", "msclap")
    if converted[0] == "2023":
        with pytest.raises(ModelError, match="hears 7 s at most, and 10 s are asked"):
            to_train(start, recipe)
        return
    model = to_train(start, recipe)
    assert (model.window, model.fill, start.window) == (10, "silence", 5)
    features = model.trunk_features(np.resize(sound(), 10 * 44_100))
    assert features.shape == model.features_shape(10 * 44_100)
    model.train().embed_features(features[None]).sum().backward()
    assert model.cnn14.fc1.weight.grad.abs().sum() > 0


@YEARS
def test_the_tokenizer_of_the_other_is_refused(year: str, tmp_path: Path) -> None:
    other = write_tokenizer("2023" if year == "2022" else "2022", tmp_path)
    result = CliRunner().invoke(
        app,
        [
            "convert",
            str(published(year, tmp_path)),
            "--out",
            str(tmp_path / "out"),
            "--tokenizer",
            str(other),
        ],
    )
    assert isinstance(result.exception, ModelError | SystemExit)
    assert "not the tokenizer of" in result.output + str(result.exception)


def test_the_captioner_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"clap.audio_encoder.x": torch.zeros(1)}}, tmp_path / "clapcap.pth")
    with pytest.raises(ModelError, match="captioner"):
        convert(tmp_path / "clapcap.pth", tmp_path / "out", str(tmp_path))


def test_other_towers_are_refused(tmp_path: Path) -> None:
    torch.save({"model": {"audio_encoder.base.other": torch.zeros(1)}}, tmp_path / "x.pth")
    with pytest.raises(ModelError, match="not the towers of Microsoft's CLAP"):
        convert(tmp_path / "x.pth", tmp_path / "out", str(tmp_path))

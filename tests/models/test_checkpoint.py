"""Checkpoints: what is written comes back bit for bit, and what is damaged is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import chronoclap
from chronoclap import Clap
from chronoclap.errors import ModelError
from chronoclap.models import checkpoint, shipped_names
from chronoclap.models.checkpoint import read_model, write_model
from chronoclap.models.compact import CompactConfig, CompactModel

NOISE = np.random.default_rng(0).normal(0, 0.1, 30_000).astype(np.float32)
TEXTS = ["rain", "a dog barking and then a bell"]


@pytest.fixture(scope="module")
def grown(tiny_clap: Clap) -> CompactModel:
    torch.manual_seed(0)
    return tiny_clap.model.grow(3)


@pytest.fixture
def copied(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint that may be damaged."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "copied"))


@pytest.fixture
def shipped(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped checkpoints that holds one, "base"."""
    folder = tmp_path / "weights"
    shutil.copytree(tiny_checkpoint, folder / "base")
    monkeypatch.setattr(checkpoint, "SHIPPED", folder)
    return folder


def assert_same_embeddings(a: Clap, b: Clap) -> None:
    np.testing.assert_array_equal(a.embed_audio(NOISE), b.embed_audio(NOISE))
    np.testing.assert_array_equal(a.embed_text(TEXTS), b.embed_text(TEXTS))


class TestRoundTrip:
    def test_embeddings_are_equal_bit_for_bit(self, grown: CompactModel, tmp_path: Path) -> None:
        saved = Clap(grown, "mine", {"licence": "Apache-2.0", "trained": {"seed": 3}})
        loaded = chronoclap.load(saved.save(tmp_path / "deep" / "mine"))
        assert_same_embeddings(saved, loaded)
        assert loaded.name == "mine"
        assert loaded.model.config == grown.config
        assert loaded.info["licence"] == "Apache-2.0"
        assert loaded.info["trained"] == {"seed": 3}
        assert not loaded.model.training
        for name, tensor in grown.state_dict().items():
            assert torch.equal(loaded.model.state_dict()[name], tensor), name

    def test_saving_what_was_loaded_changes_nothing(self, tiny_checkpoint: Path, tmp_path: Path) -> None:
        again = chronoclap.load(tiny_checkpoint).save(tmp_path / "again")
        assert (again / "config.json").read_text() == (tiny_checkpoint / "config.json").read_text()
        assert (again / "model.safetensors").read_bytes() == (
            tiny_checkpoint / "model.safetensors"
        ).read_bytes()

    def test_a_checkpoint_is_replaced(self, grown: CompactModel, copied: Path) -> None:
        Clap(grown, "other").save(copied)
        assert chronoclap.load(copied).dim == 144
        assert sorted(path.name for path in copied.iterdir()) == [
            "config.json",
            "model.safetensors",
            "tokenizer.json",
        ]

    def test_something_else_is_not_replaced(self, tiny_clap: Clap, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("precious")
        with pytest.raises(ModelError, match=r"exists and is not a checkpoint; name another directory"):
            tiny_clap.save(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    def test_nothing_is_left_beside_it(self, tiny_clap: Clap, tmp_path: Path) -> None:
        tiny_clap.save(tmp_path / "new")
        assert [path.name for path in tmp_path.iterdir()] == ["new"]

    def test_config_survives_json(self) -> None:
        config = CompactConfig(dim=7, window=3.0)
        assert CompactConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


class TestHalf:
    def test_only_what_float16_holds_exactly_is_halved(self, tiny_clap: Clap, tmp_path: Path) -> None:
        model = tiny_clap.model.copy()
        with torch.no_grad():
            model.audio.content.saliency.weight.fill_(0.1)  # not a sum of few powers of two
            model.text.content.direct.weight.fill_(0.375)
            model.log_scale.fill_(70_000.0)  # beyond float16
        write_model(model, tmp_path / "a", {})
        stored = load_file(tmp_path / "a" / "model.safetensors")
        assert stored["text.content.direct.weight"].dtype == torch.float16
        assert stored["audio.content.saliency.weight"].dtype == torch.float32
        assert stored["log_scale"].dtype == torch.float32
        read, _ = read_model(tmp_path / "a")
        assert all(torch.equal(read.state_dict()[n], t) for n, t in model.state_dict().items())
        assert all(t.dtype == torch.float32 for t in read.state_dict().values())

    def test_half_rounds_everything_and_halves_the_file(self, tiny_clap: Clap, tmp_path: Path) -> None:
        write_model(tiny_clap.model, tmp_path / "a", {}, half=True)
        write_model(tiny_clap.model, tmp_path / "b", {})
        assert {t.dtype for t in load_file(tmp_path / "a" / "model.safetensors").values()} == {torch.float16}
        size = [(tmp_path / name / "model.safetensors").stat().st_size for name in "ab"]
        assert size[0] < 0.55 * size[1]
        read, _ = read_model(tmp_path / "a")
        for name, tensor in tiny_clap.model.state_dict().items():
            assert torch.equal(read.state_dict()[name], tensor.half().float())
        rounded = Clap(read, "rounded").embed_text(TEXTS)
        np.testing.assert_allclose(rounded, tiny_clap.embed_text(TEXTS), atol=5e-3)


class TestDelta:
    def test_stores_only_what_differs_and_loads_whole(
        self, grown: CompactModel, shipped: Path, tmp_path: Path
    ) -> None:
        model = grown.copy()
        with torch.no_grad():
            model.log_scale.fill_(2.0)
        write_model(model, shipped / "order", {"name": "order"}, base="base")
        stored = load_file(shipped / "order" / "model.safetensors")
        assert {name.split(".")[1] for name in stored if "." in name} == {"events"}
        assert {name for name in stored if "." not in name} == {"gains", "log_scale"}
        assert sorted(path.name for path in (shipped / "order").iterdir()) == [
            "config.json",
            "model.safetensors",
        ]
        assert shipped_names() == ["base", "order"]
        assert_same_embeddings(chronoclap.load("order"), Clap(model, "order"))

    def test_saved_again_it_stands_alone(self, grown: CompactModel, shipped: Path, tmp_path: Path) -> None:
        write_model(grown, shipped / "order", {"name": "order"}, base="base")
        loaded = chronoclap.load("order")
        loaded.save(tmp_path / "whole")
        shutil.rmtree(shipped)
        assert_same_embeddings(chronoclap.load(tmp_path / "whole"), loaded)

    def test_half_of_a_half_base(self, grown: CompactModel, shipped: Path) -> None:
        base = grown.copy()
        write_model(base, shipped / "small", {"name": "small"}, half=True)
        small = chronoclap.load("small")
        with torch.no_grad():
            small.model.gains.fill_(0.1)
        write_model(small.model, shipped / "order", {}, base="small", half=True)
        assert set(load_file(shipped / "order" / "model.safetensors")) == {"gains"}
        assert torch.equal(chronoclap.load("order").model.gains, torch.full((2,), 0.1).half().float())

    def test_another_base_is_refused(self, grown: CompactModel, tiny_clap: Clap, shipped: Path) -> None:
        write_model(grown, shipped / "order", {}, base="base")
        model = tiny_clap.model.copy()
        with torch.no_grad():
            model.log_scale.add_(1)
        write_model(model, shipped / "base", {"name": "base"})
        with pytest.raises(
            ModelError, match="complete those of 'base', which this installation does not have"
        ):
            chronoclap.load("order")
        shutil.rmtree(shipped / "base")
        with pytest.raises(ModelError, match="complete those of 'base'"):
            chronoclap.load("order")


class TestErrors:
    def test_a_wrong_name_lists_what_is_shipped(self, shipped: Path) -> None:
        with pytest.raises(ModelError, match=r"compct: no checkpoint of that name\. Shipped: base\."):
            chronoclap.load("compct")

    def test_a_folder_without_config(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"A directory must hold config\.json"):
            chronoclap.load(tmp_path)

    @pytest.mark.parametrize(
        ("field", "value"), [("architecture", "htsat-roberta"), ("format", 2), ("architecture", None)]
    )
    def test_another_architecture_or_format(self, copied: Path, field: str, value: object) -> None:
        info = json.loads((copied / "config.json").read_text())
        (copied / "config.json").write_text(json.dumps({**info, field: value}))
        with pytest.raises(ModelError, match=r"config\.json: architecture .*Upgrade chronoclap") as caught:
            chronoclap.load(copied)
        assert repr(value) in str(caught.value)

    @pytest.mark.parametrize("text", ["{", "{}", '{"config": {"dim": 3}}', "[]", '{"config": null}', "\x00"])
    def test_a_damaged_config(self, copied: Path, text: str) -> None:
        (copied / "config.json").write_text(text)
        with pytest.raises(
            ModelError, match=r"config\.json: not a (chronoclap configuration|readable JSON object)"
        ):
            chronoclap.load(copied)

    @pytest.mark.parametrize("keep", [0, 5, 1000])
    def test_damaged_weights(self, copied: Path, keep: int) -> None:
        file = copied / "model.safetensors"
        file.write_bytes(file.read_bytes()[:keep])
        with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read as safetensors"):
            chronoclap.load(copied)

    def test_missing_weights(self, copied: Path) -> None:
        (copied / "model.safetensors").unlink()
        with pytest.raises(ModelError, match=r"model\.safetensors: cannot be read"):
            chronoclap.load(copied)

    def test_weights_of_another_size(self, copied: Path) -> None:
        info = json.loads((copied / "config.json").read_text())
        info["config"]["text"]["layers"] += 1
        (copied / "config.json").write_text(json.dumps(info))
        with pytest.raises(ModelError, match=r"the weights do not fit config\.json"):
            chronoclap.load(copied)

    def test_missing_tokenizer(self, copied: Path) -> None:
        (copied / "tokenizer.json").unlink()
        with pytest.raises(ModelError, match=r"tokenizer\.json: missing; a checkpoint carries its tokenizer"):
            chronoclap.load(copied)

    def test_damaged_tokenizer(self, copied: Path) -> None:
        file = copied / "tokenizer.json"
        file.write_text(file.read_text()[:2000])
        with pytest.raises(ModelError, match=r"tokenizer\.json: damaged"):
            chronoclap.load(copied)

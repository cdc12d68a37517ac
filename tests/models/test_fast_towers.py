"""Fast towers give the vectors of the plain ones; where they would not, or cannot run, they are not used."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import chronoclap
from chronoclap.errors import ModelError
from chronoclap.models import products
from chronoclap.models.htsat_roberta import HtsatRoberta, openvino
from chronoclap.models.htsat_roberta.fast_htsat import FastHtsat, windowed
from chronoclap.models.htsat_roberta.fast_roberta import FastRoberta
from chronoclap.models.products import ONEDNN, TORCH, Products
from chronoclap.models.trial import first_that_agrees
from small_htsat import SENTENCES, laion_sound, write_with_transformers

WAYS = pytest.mark.parametrize("way", [TORCH, ONEDNN], ids=lambda way: way.name)


@pytest.fixture(scope="module", params=["unfused", "fused"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HtsatRoberta:
    folder = tmp_path_factory.mktemp("fast")
    return chronoclap.load(write_with_transformers(folder, fused=request.param == "fused")).model


@WAYS
@torch.no_grad()
def test_htsat_gives_the_same_map(model: HtsatRoberta, way: Products) -> None:
    mel = model.log_mel(laion_sound())
    expected = model.plain_hear(mel)
    got = FastHtsat(model.clap, way)(mel)
    assert got.shape == expected.shape
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@WAYS
@pytest.mark.parametrize("padded", [False, True], ids=["unpadded", "padded"])
@torch.no_grad()
def test_roberta_gives_the_same_first_token(model: HtsatRoberta, way: Products, padded: bool) -> None:
    texts = [SENTENCES[2], *SENTENCES, "rain " * 9]  # of several lengths, two of one, not in their order
    encoded = model.tokenizer.encode_batch(texts)
    ids = torch.tensor([e.ids for e in encoded])
    mask = torch.tensor([e.attention_mask for e in encoded])
    lengths = mask.sum(1).tolist()
    assert not mask.all()
    assert lengths != sorted(lengths)
    assert len(set(lengths)) < len(lengths)
    tower = FastRoberta(model.clap, way)
    for rows in (slice(None), slice(0, 1)):  # of several lengths, and alone
        inputs = ids[rows, : max(lengths[rows])], mask[rows, : max(lengths[rows])]
        got = tower.padded(*inputs) if padded else tower(*inputs)
        torch.testing.assert_close(got, model.plain_read(*inputs), atol=1e-5, rtol=1e-5)


def test_windows_hold_every_token_once_and_each_its_own_square() -> None:
    order = windowed(8, 4)
    assert order.sort().values.tolist() == list(range(64))
    assert order[:16].tolist() == [row * 8 + column for row in range(4) for column in range(4)]
    assert windowed(8, 4, shift=2)[0] == 2 * 8 + 2


class TestChoice:
    def test_a_fast_tower_is_taken_on_a_cpu(self, model: HtsatRoberta) -> None:
        with torch.inference_mode():
            chosen = model.eval().towers()
        assert {chosen.hear_by, chosen.read_by} <= {"oneDNN", "torch"}

    def test_training_and_gradients_go_through_the_plain_towers(self, model: HtsatRoberta) -> None:
        assert model.towers().hear_by == "transformers"  # gradients are on
        model.train()
        with torch.no_grad():
            assert model.towers().read_by == "transformers"
        model.eval()

    @torch.no_grad()
    def test_weights_that_moved_are_used(self, model: HtsatRoberta) -> None:
        mel = model.log_mel(laion_sound())
        before = model.towers().hear(mel)
        model.train()
        scaling = model.clap.audio_model.audio_encoder.norm.weight
        scaling.mul_(2)
        model.eval()
        assert (model.towers().hear(mel) - before).abs().max() > 0.1
        scaling.div_(2)
        model.eval()

    def test_what_is_wrong_or_cannot_run_is_passed_over(self) -> None:
        def broken() -> Tensor:
            raise AttributeError("no such operation in this torch")

        right = torch.tensor([[3.0, 4.0]])
        bad = {"broken": broken, "wrong": lambda: right + 0.1, "nan": lambda: right * torch.nan}
        assert first_that_agrees(bad, ("plain", right), lambda tower: tower) == ("plain", right)
        made = {**bad, "good": lambda: right + 1e-6, "later": lambda: right}
        assert first_that_agrees(made, ("plain", right), lambda tower: tower)[0] == "good"

    def test_a_plain_tower_that_fails_is_not_hidden(self) -> None:
        def fails(tower: object) -> Tensor:
            raise RuntimeError("out of memory")

        with pytest.raises(RuntimeError, match="out of memory"):
            first_that_agrees({"fast": object}, ("plain", object()), fails)

    def test_without_onednn_everything_still_embeds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def missing(weight: Tensor, bias: Tensor | None, after: products.After = "none") -> products.Layer:
            raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")

        monkeypatch.setattr(products, "ONEDNN", Products("oneDNN", missing, missing))
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        clap = chronoclap.load(write_with_transformers(tmp_path))
        assert clap.embed_text(SENTENCES).shape == (3, 32)
        with torch.no_grad():
            assert clap.model.towers().hear_by == "torch"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_with_transformers(tmp_path_factory.mktemp("engines"))


class TestEngines:
    def test_openvino_gives_the_same_vectors(self, folder: Path) -> None:
        pytest.importorskip("openvino")
        plain, quick = chronoclap.load(folder), chronoclap.load(folder, engine="openvino")
        sounds = [laion_sound(), laion_sound()[:9_000], laion_sound()[::-1].copy()]
        np.testing.assert_allclose(quick.embed_audio(sounds), plain.embed_audio(sounds), atol=1e-5)
        texts = [*SENTENCES, "rain", "rain " * 40]
        np.testing.assert_allclose(quick.embed_text(texts), plain.embed_text(texts), atol=1e-5)
        with torch.inference_mode():
            assert quick.model.towers().hear_by == "OpenVINO"

    def test_streams_that_disagree_are_not_used(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("openvino")
        call, calls = openvino.OpenvinoTower.__call__, iter(range(1000))

        def unsteady(tower: openvino.OpenvinoTower, given: Tensor) -> Tensor:
            return call(tower, given) + 0.1 * (next(calls) % 3 == 2)

        monkeypatch.setattr(openvino.OpenvinoTower, "__call__", unsteady)
        with torch.inference_mode():
            towers = chronoclap.load(folder, engine="openvino").model.towers()
        assert towers.hear_by != "OpenVINO"

    def test_bfloat16_is_alike_and_not_equal(self, folder: Path) -> None:
        plain, half = chronoclap.load(folder), chronoclap.load(folder, precision="bfloat16")
        apart = np.abs(half.embed_audio(laion_sound()) - plain.embed_audio(laion_sound())).max()
        assert 1e-5 < apart < 1e-2
        assert (half.embed_text(SENTENCES) * plain.embed_text(SENTENCES)).sum(1).min() >= 0.999
        with torch.inference_mode():
            assert half.model.towers().hear_by in ("oneDNN in bfloat16", "torch in bfloat16")

    def test_half_precision_that_strays_is_passed_over(self) -> None:
        right = torch.tensor([[1.0, 0.0]])
        made = {"torch in bfloat16": lambda: torch.tensor([[1.0, 0.1]]), "torch": lambda: right}
        assert first_that_agrees(made, ("plain", right), lambda tower: tower)[0] == "torch"

    def test_what_cannot_be_had_is_said(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ModelError, match="export onnx"):
            chronoclap.load("compact", engine="openvino")
        with pytest.raises(ModelError, match="'tensorrt' is none of torch, openvino"):
            chronoclap.load(folder, engine="tensorrt")
        monkeypatch.setattr(openvino, "find_spec", lambda name: None)
        clap = chronoclap.load(folder, engine="openvino")
        with pytest.raises(ModelError, match=r"chronoclap\[openvino\]"):
            clap.embed_text("rain")

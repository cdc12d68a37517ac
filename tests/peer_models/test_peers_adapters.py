"""What the adapters ask of the peers' packages: stand-ins of the same signatures, and sentence-transformers.

The packages themselves are asked in test_peers_real.
"""

import random
import sys
import types
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import chronoclap
from chronoclap import peers
from chronoclap.audio import Waveform
from chronoclap.errors import ModelError
from small_htsat import SENTENCES, write_with_transformers

Install = Callable[..., types.ModuleType]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a module in the place of a package."""

    def put(name: str, **content: object) -> types.ModuleType:
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return put


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A file with weights for Microsoft's stand-in."""
    torch.save({"model": {"weight": torch.ones(2, 2), "bias": torch.zeros(2)}}, tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


def noise(*seconds: float, rate: int = 48_000) -> list[Waveform]:
    """Sounds of some lengths."""
    drawn = np.random.default_rng(0)
    return [Waveform(drawn.standard_normal(round(rate * s)).astype(np.float32), rate) for s in seconds]


def opened(spec: str) -> peers.PeerModel:
    model = peers.open_model(spec)
    assert isinstance(model, peers.PeerModel)
    return model


# laion_clap


class LaionModule:
    """The signatures of laion_clap.CLAP_Module, with a random cut."""

    def __init__(
        self,
        enable_fusion: bool = False,
        device: str | None = None,
        amodel: str = "HTSAT-tiny",
        tmodel: str = "",
    ) -> None:
        assert (device, tmodel) == ("cpu", "roberta")
        self.made_as = enable_fusion, amodel

    def load_ckpt(self, ckpt: str | None = None, model_id: int = -1, verbose: bool = True) -> None:
        assert not verbose
        self.ckpt = ckpt
        if self.made_as == (True, "HTSAT-tiny"):
            raise RuntimeError("Error(s) in loading state_dict for CLAP:\n\tMissing")

    def get_audio_embedding_from_data(self, x: list[np.ndarray], use_tensor: bool = False) -> np.ndarray:
        assert not use_tensor
        cuts = [np.random.randint(0, max(len(part) - 480_000, 0) + 1) for part in x]  # noqa: NPY002
        return np.stack([part[cut : cut + 4] for part, cut in zip(x, cuts, strict=True)])

    def get_text_embedding(
        self, x: list[str], tokenizer: object = None, use_tensor: bool = False
    ) -> np.ndarray:
        return np.ones((len(x), 4))


def test_laion_clap(install: Install, checkpoint: Path) -> None:
    install("laion_clap", CLAP_Module=LaionModule)
    model = opened(f"laion_clap:{checkpoint}#amodel=HTSAT-base")
    assert model._backend._adapter._model.made_as == (False, "HTSAT-base")  # type: ignore[attr-defined]
    assert model._backend._adapter._model.ckpt == str(checkpoint)  # type: ignore[attr-defined]
    assert (model.rate, model.info["package"], model.name) == (48_000, "laion_clap", "laion_clap:weights.pt")
    assert model.info["files"] == [str(checkpoint.resolve())]
    assert "repeatpad" in model.info["policy"]
    assert "seeded" in model.info["policy"]
    sounds = noise(1, 12, 30)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    heard = model.embed_audio(sounds)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(model.embed_audio(sounds[::-1])[::-1], heard)
    np.testing.assert_array_equal(model.embed_text(["a", "b"]), np.full((2, 4), 0.5, np.float32))
    with pytest.raises(
        ModelError, match=r"do not fit HTSAT-tiny .*loading state_dict for CLAP:.*#fusion=yes"
    ):
        opened(f"laion_clap:{checkpoint}#fusion=yes")
    with pytest.raises(ModelError, match="say yes or no"):
        opened(f"laion_clap:{checkpoint}#fusion=true")
    with pytest.raises(ModelError, match="there is no such file; give the path of a checkpoint"):
        opened("laion_clap:nowhere.pt")


# msclap


class Wrapper:
    """The signatures of msclap's CLAPWrapper, with its own fill and cut."""

    def __init__(
        self, model_fp: Path | str | None = None, version: str = "2023", use_cuda: bool = False
    ) -> None:
        self.asked = model_fp, version
        self.args = SimpleNamespace(sampling_rate=44_100, duration={"2022": 5, "2023": 7}[version])
        self.clap = torch.nn.Linear(2, 2 if version == "2023" else 3)
        if version == "2022":
            self.clap.extra = torch.nn.Parameter(torch.zeros(1))

    def read_audio(self, audio_path: str, resample: bool = True) -> tuple[torch.Tensor, int]:
        raise AssertionError("files are not read")

    def load_audio_into_tensor(
        self, audio_path: str, audio_duration: int, resample: bool = False
    ) -> torch.Tensor:
        samples, rate = self.read_audio(audio_path, resample=resample)
        samples, length = samples.reshape(-1), audio_duration * rate
        if len(samples) <= length:
            return samples.repeat(length // len(samples) + 1)[:length]
        start = random.randrange(len(samples) - length)
        return samples[start : start + length]

    def get_audio_embeddings(self, audio_files: list, resample: bool = True) -> torch.Tensor:
        heard = [self.load_audio_into_tensor(file, self.args.duration, resample) for file in audio_files]
        return torch.stack(heard)[:, -4:]

    def get_text_embeddings(self, class_labels: list[str]) -> torch.Tensor:
        return torch.full((len(class_labels), 4), 3.0, requires_grad=True)


def test_msclap(install: Install, checkpoint: Path) -> None:
    install("msclap", __path__=[])
    install("msclap.CLAPWrapper", CLAPWrapper=Wrapper)
    model = opened(f"msclap:{checkpoint}")
    assert model._backend._adapter._model.asked == (str(checkpoint), "2023")  # type: ignore[attr-defined]
    assert (model.rate, model.info["version"]) == (44_100, "unknown")
    assert model.info["files"] == [str(checkpoint.resolve())]
    assert "7 s cut at random (seeded)" in model.info["policy"]
    sounds = noise(1, 12, 30, rate=44_100)
    heard = model.embed_audio(sounds)
    np.testing.assert_array_equal(model.embed_audio(sounds[::-1])[::-1], heard)
    np.testing.assert_array_equal(model.embed_text(["a", "b"]), np.full((2, 4), 0.5, np.float32))
    fetched = opened("msclap:2022")
    assert fetched._backend._adapter._model.asked == (None, "2022")  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match=r"lacks extra and 0 other weights of msclap 2022"):
        opened(f"msclap:{checkpoint}#version=2022")
    with pytest.raises(ModelError, match="msclap clapcap: say 2022 or 2023"):
        opened(f"msclap:{checkpoint}#version=clapcap")


# openflam


class OpenFLAM(torch.nn.Module):
    """The signatures of openflam.OpenFLAM; its constructor fetches the weights."""

    def __init__(
        self, model_name: str = "v1-base", default_ckpt_path: str = "/tmp/openflam", **kwargs: object
    ) -> None:
        super().__init__()
        assert default_ckpt_path != "/tmp/openflam"
        self.fetched = sys.modules["openflam"].hook.hf_hub_download(
            repo_id="x", filename="y", cache_dir=default_ckpt_path
        )

    def get_global_audio_features(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[1:] == (480_000,)
        return x[:, [0, 1, -1]]

    def get_text_features(self, x: list[str]) -> torch.Tensor:
        return torch.ones(len(x), 3)


def test_openflam(install: Install, checkpoint: Path) -> None:
    hook = SimpleNamespace(hf_hub_download=lambda **_: "from the hub")
    install("openflam", OpenFLAM=OpenFLAM, hook=hook)
    model = opened(f"openflam:{checkpoint}")
    assert model._backend._adapter._model.fetched == str(checkpoint)  # type: ignore[attr-defined]
    assert hook.hf_hub_download() == "from the hub"
    short, long = noise(1, 12)
    heard = model.embed_audio([short, long])
    assert heard[0, 2] == 0
    expected = long.samples[[0, 1, 479_999]]
    np.testing.assert_allclose(heard[1], expected / np.linalg.norm(expected), atol=1e-6)
    assert "the first 10 s" in model.info["policy"]
    assert model.info["files"] == [str(checkpoint.resolve())]
    fetched = opened("openflam:v1-base")
    assert fetched.info["files"] == []
    assert fetched._backend._adapter._model.fetched == "from the hub"  # type: ignore[attr-defined]


# open_clip


class OpenClipModel(torch.nn.Module):
    """The signatures of open_clip's CLAP."""

    def __init__(self, model_type: str, fused: bool = False) -> None:
        super().__init__()
        self.audio = torch.nn.Identity()
        self.audio.cfg = SimpleNamespace(
            model_type=model_type, sample_rate=16_000, clip_samples=80_000, enable_fusion=fused
        )

    def forward(self, audio: dict | None = None, text: torch.Tensor | None = None) -> tuple:
        assert audio is not None
        assert audio["waveform"].shape == (1, 80_000)
        assert (audio["longer"].dtype, audio["longer"].shape) == (torch.bool, (1,))
        assert ("mel_fusion" in audio) == self.audio.cfg.enable_fusion
        return audio["waveform"][:, :4], None, torch.ones(())

    def encode_audio(self, audio: dict, normalize: bool = False) -> torch.Tensor:
        raise AssertionError("leaves out the head of some towers")

    def encode_text(self, text: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        assert normalize
        return text.float()


class Preprocess:
    """The signature of open_clip's AudioPreprocess."""

    data_fill = "repeatpad"

    def __init__(self, fused: bool) -> None:
        self.fused = fused

    def __call__(self, audio_data: tuple[torch.Tensor, int]) -> dict:
        waveform, rate = audio_data
        assert (waveform.ndim, rate) == (2, 16_000)
        longer = waveform.shape[1] > 80_000
        fitted = torch.nn.functional.pad(waveform[0], (0, max(80_000 - waveform.shape[1], 0)))[:80_000]
        return {"waveform": fitted, "longer": longer} | (
            {"mel_fusion": torch.ones(4, 2, 2)} if self.fused else {}
        )


@pytest.mark.parametrize("fused", [False, True])
def test_open_clip(install: Install, monkeypatch: pytest.MonkeyPatch, fused: bool) -> None:
    from chronoclap.peers.adapters import openclip

    asked = []

    def create(model_name: str, pretrained: str | None = None, device: str = "cuda") -> tuple:
        asked.append((model_name, pretrained, device))
        if model_name == "ViT-B-32":
            return torch.nn.Identity(), None, None
        kind = "naflexvit" if model_name.startswith("naflex") else "HTSAT"
        return OpenClipModel(kind, fused), None, Preprocess(fused)

    def get_tokenizer(model_name: str) -> Callable[[list[str]], torch.Tensor]:
        return lambda texts: torch.ones(len(texts), 4, dtype=torch.long)

    install("open_clip", create_model_and_transforms=create, get_tokenizer=get_tokenizer, __version__="3.3.0")
    monkeypatch.setattr(openclip, "has_audio", lambda: True)
    model = opened("open_clip:CLAP-HTSAT-tiny-Roberta-base#pretrained=weights.pt")
    assert asked == [("CLAP-HTSAT-tiny-Roberta-base", "weights.pt", "cpu")]
    sounds = noise(1, 12)
    assert model.rate == 16_000
    assert model.info["files"] == []
    assert opened(f"open_clip:CLAP-HTSAT-tiny-Roberta-base#pretrained={__file__}").info["files"] == [
        str(Path(__file__).resolve())
    ]
    assert model.embed_audio(sounds).shape == (2, 4)
    np.testing.assert_array_equal(model.embed_text(["a", "b"]), np.full((2, 4), 0.5, np.float32))
    assert model.info["policy"].startswith("shorter than 5 s: repeatpad; longer: ")
    with pytest.raises(ModelError, match="a model of pictures"):
        opened("open_clip:ViT-B-32")
    with pytest.raises(ModelError, match="variable length"):
        opened("open_clip:naflexclap_little")
    monkeypatch.setattr(openclip, "has_audio", lambda: False)
    with pytest.raises(ModelError, match=r"open_clip 3\.3\.0 has no models of sound"):
        opened("open_clip:CLAP-HTSAT-tiny-Roberta-base")


# sentence-transformers


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_sentence_transformers(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    folder = write_with_transformers(tmp_path / "model")
    ours, theirs = chronoclap.load(folder), opened(f"sentence-transformers:{folder}")
    assert (theirs.rate, theirs.name) == (48_000, "sentence-transformers:model")
    assert str((folder / "config.json").resolve()) in theirs.info["files"]
    assert "padding=repeatpad, truncation=rand_trunc" in theirs.info["policy"]
    sounds = noise(2, 9.5)
    np.testing.assert_allclose(theirs.embed_audio(sounds), ours.embed_audio(sounds), atol=1e-5)
    # A text that looks like a path is a text.
    texts = [*SENTENCES, "bark.wav", "https://example.org/a.png"]
    np.testing.assert_allclose(theirs.embed_text(texts), ours.embed_text(texts), atol=1e-5)
    long = noise(14, 13)
    heard = theirs.embed_audio(long)
    np.testing.assert_array_equal(theirs.embed_audio(long[::-1])[::-1], heard)


@pytest.mark.filterwarnings("ignore")
def test_sentence_transformers_without_sound(tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = tmp_path / "vocab.txt"
    words.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"]))
    small = BertConfig(
        vocab_size=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    BertModel(small).save_pretrained(tmp_path / "bert")
    BertTokenizerFast(str(words)).save_pretrained(tmp_path / "bert")
    library.SentenceTransformer(str(tmp_path / "bert"), device="cpu").save(str(tmp_path / "texts"))
    with pytest.raises(ModelError, match="embeds no sounds"):
        opened(f"sentence-transformers:{tmp_path / 'texts'}")


@pytest.mark.parametrize(
    ("spec", "package"),
    [("openflam:v1-base", "openflam"), ("msclap:2023", "msclap"), ("open_clip:CLAP", "open_clip")],
)
def test_what_is_missing_is_said(spec: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(
        ModelError, match=r"pip install \w+, or name the Python of an environment that has it"
    ):
        opened(spec)

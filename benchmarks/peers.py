"""transformers' CLAP and, where it is installed, LAION's, with the same random weights as ours.

    pip install --no-deps laion_clap torchlibrosa && pip install librosa h5py ftfy

is enough for the latter: what it imports and does not need to embed is replaced by empty modules, for its own
requirements do not go together with a present numpy.
"""

import importlib.machinery
import json
import sys
import types
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from common import CAPTIONS
from tokenizers import ByteLevelBPETokenizer
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapProcessor,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizerFast,
)

from chronoclap.models.convert import convert

BATCH = 8
LONGEST = 77
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def write_tokenizer(folder: Path) -> Path:
    """A byte-level BPE of the captions."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(CAPTIONS, vocab_size=600, special_tokens=SPECIAL, show_progress=False)
    folder.mkdir(parents=True)
    tokenizer.save_model(str(folder))
    return folder


def write_checkpoint(folder: Path) -> "Laion | None":
    """A checkpoint of the released size (HTSAT-tiny, RoBERTa-base) with random weights: LAION's own where
    laion_clap is installed, and converted; else transformers'.

    Returns:
        LAION's model of these weights, or None.
    """
    tokenizer = write_tokenizer(folder.parent / "tokenizer")
    laion = Laion(tokenizer) if find_spec("laion_clap") and find_spec("torchlibrosa") else None
    torch.manual_seed(0)
    if laion is None:
        ClapModel(ClapConfig(text_config={"layer_norm_eps": 1e-5})).save_pretrained(folder)
        extractor = ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50)
        roberta = RobertaTokenizerFast.from_pretrained(tokenizer)
        ClapProcessor(extractor, roberta).save_pretrained(folder)
        return None
    torch.save({"state_dict": laion.clap.state_dict()}, folder.parent / "laion.pt")
    convert(folder.parent / "laion.pt", folder, str(tokenizer))
    return laion


class Transformers:
    """As its users write it: ClapProcessor and ClapModel, eight at a time."""

    def __init__(self, folder: Path) -> None:
        self.clap = ClapModel.from_pretrained(folder).eval()
        self.extractor = ClapFeatureExtractor.from_pretrained(folder)
        self.tokenizer = RobertaTokenizerFast.from_pretrained(folder)

    @torch.no_grad()
    def tower(self, mels: list[Tensor]) -> Tensor:
        """(1, frames, mels) log-mels to pooled vectors."""
        return torch.cat([self.clap.audio_model(torch.stack(part)).pooler_output for part in batches(mels)])

    @torch.no_grad()
    def sounds(self, waveforms: list[np.ndarray]) -> np.ndarray:
        """Samples at 48 kHz to unit vectors."""
        found = []
        for part in batches(waveforms):
            inputs = self.extractor(part, sampling_rate=48_000, return_tensors="pt")
            found.append(self.clap.get_audio_features(**inputs).pooler_output)
        return torch.cat(found).numpy()

    @torch.no_grad()
    def texts(self, texts: list[str], padded: bool) -> np.ndarray:
        """Texts, padded to 77 tokens or to the longest of eight, to unit vectors."""
        found = []
        for part in batches(texts):
            inputs = tokens(self.tokenizer, part, padded)
            found.append(self.clap.get_text_features(**inputs).pooler_output)
        return torch.cat(found).numpy()


class Laion:
    """laion_clap's model as its functions call it, but for reading files and the rounding to 16 bits."""

    def __init__(self, tokenizer: Path) -> None:
        model = _laion_modules()
        settings = Path(find_spec("laion_clap").origin).parent / "clap_module" / "model_configs"
        config = json.loads((settings / "HTSAT-tiny.json").read_text())
        roberta = RobertaConfig(
            vocab_size=50_265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5
        )
        text = {**config["text_cfg"], "model_type": "roberta"}
        torch.manual_seed(0)
        with patch.object(RobertaModel, "from_pretrained", lambda name: RobertaModel(roberta)):
            clap = model.CLAP(config["embed_dim"], config["audio_cfg"], text, joint_embed_shape=512)
        self.clap = clap.eval()
        self.tokenizer = RobertaTokenizerFast.from_pretrained(tokenizer)

    def hear(self, samples: Tensor) -> Tensor:
        """(b, 480000) samples to (b, dim) unit vectors."""
        given = {"waveform": samples, "longer": torch.zeros(len(samples), 1, dtype=torch.bool)}
        heard = self.clap.audio_branch(given, mixup_lambda=None, device=samples.device)["embedding"]
        return F.normalize(self.clap.audio_projection(heard), dim=-1)

    def read(self, inputs: Any) -> Tensor:
        """Token ids and mask to (b, dim) unit vectors."""
        read = self.clap.text_branch(**inputs)["pooler_output"]
        return F.normalize(self.clap.text_projection(read), dim=-1)

    @torch.no_grad()
    def sounds(self, waveforms: list[np.ndarray]) -> np.ndarray:
        """Samples of 10 s at 48 kHz to unit vectors."""
        found = [self.hear(torch.from_numpy(np.stack(part))) for part in batches(waveforms)]
        return torch.cat(found).numpy()

    @torch.no_grad()
    def texts(self, texts: list[str]) -> np.ndarray:
        """Texts, padded to 77 tokens as it does, to unit vectors."""
        return torch.cat([self.read(tokens(self.tokenizer, part, True)) for part in batches(texts)]).numpy()


def batches(items: list) -> list[list]:
    """Eight at a time."""
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def tokens(tokenizer: Any, texts: list[str], padded: bool) -> Any:
    """What RoBERTa takes."""
    limit = {"padding": "max_length", "max_length": LONGEST} if padded else {"padding": True}
    return tokenizer(texts, return_tensors="pt", truncation=True, **limit)


def _laion_modules() -> Any:
    """laion_clap's module of models, with stand-ins for what it imports and is not here."""

    class Nothing:
        def __getattr__(self, name: str) -> "Nothing":
            return Nothing()

        def __call__(self, *args: object, **kwargs: object) -> "Nothing":
            return Nothing()

    names = ("torchvision", "torchvision.transforms", "torchvision.datasets", "torchvision.ops")
    for name in (*names, "torchvision.ops.misc", "torchvision.datasets.folder", "wget", "torchaudio"):
        if name.split(".")[0] in sys.modules or find_spec(name.split(".")[0]) is None:
            module = types.ModuleType(name)
            module.__spec__ = importlib.machinery.ModuleSpec(name, None)
            module.__path__ = []
            module.__getattr__ = lambda attribute: Nothing()
            sys.modules.setdefault(name, module)
    sys.modules["torchvision.ops.misc"].FrozenBatchNorm2d = nn.Identity
    sys.path.append(str(Path(find_spec("laion_clap").origin).parent))
    from clap_module import model

    return model

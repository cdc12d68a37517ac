"""Compare sounds and texts with onnxruntime alone: neither torch nor chronoclap is needed.

    chronoclap export onnx compact --out exported          # once, where chronoclap is installed
    pip install onnxruntime soundfile soxr tokenizers      # wherever the files are used
    python embed_with_onnxruntime.py exported dog.wav --text "a dog barks" --text "rain falls"

A tower, and what prepares its input, is loaded only if it is asked for: with the compact model, a process
that uses one of them needs less than 150 MB of memory in all.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime


def session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    """A tower; the arena is off because it keeps memory for no gain in speed here."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def windows(samples: np.ndarray, settings: dict) -> list[np.ndarray]:
    """A recording cut into overlapping windows, the last of which ends with it."""
    length, hop = (round(settings[name] * settings["rate"]) for name in ("window", "window_hop"))
    starts = list(range(0, max(len(samples) - length, 0) + 1, hop))
    if starts[-1] + length < len(samples):
        starts.append(len(samples) - length)
    return [filled(samples[start : start + length], length, settings["fill"]) for start in starts]


def filled(samples: np.ndarray, length: int, fill: str | None) -> np.ndarray:
    """A short window as the model wants it: as it is, repeated, or followed by silence."""
    if fill is None or len(samples) == length:
        return samples
    whole = {"silence": len(samples), "repeat": length, "repeatpad": length // len(samples) * len(samples)}
    return np.pad(np.resize(samples, whole[fill]), (0, length - whole[fill]))


def embed_sound(path: Path, tower: onnxruntime.InferenceSession, settings: dict) -> np.ndarray:
    """(dim,) unit vector of a recording of any rate and length."""
    import soundfile
    import soxr

    channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = soxr.resample(channels.mean(axis=1), rate, settings["rate"])
    parts = [tower.run(None, {"samples": part[None]})[0][0] for part in windows(samples, settings)]
    mean = np.mean(parts, axis=0)
    return mean / np.linalg.norm(mean)


def embed_texts(texts: list[str], tower: onnxruntime.InferenceSession, tokenizer: Path) -> np.ndarray:
    """(n, dim) unit vectors."""
    from tokenizers import Tokenizer

    encoded = Tokenizer.from_file(str(tokenizer)).encode_batch(texts)
    ids = np.array([text.ids for text in encoded], np.int64)
    mask = np.array([text.attention_mask for text in encoded], np.int64)
    return tower.run(None, {"ids": ids, "mask": mask})[0]


def main() -> None:
    """Embed, save, and say what is like what."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a directory written by chronoclap export onnx")
    parser.add_argument("sounds", type=Path, nargs="*")
    parser.add_argument("--text", action="append", default=[], help="may be repeated")
    parser.add_argument("--out", type=Path, help="an .npz file for the vectors")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    settings = json.loads((arguments.model / "model.json").read_text())
    sounds = texts = np.zeros((0, settings["dim"]), np.float32)
    if arguments.sounds:
        tower = session(arguments.model / "audio.onnx", arguments.threads)
        sounds = np.stack([embed_sound(path, tower, settings) for path in arguments.sounds])
    if arguments.text:
        tower = session(arguments.model / "text.onnx", arguments.threads)
        texts = embed_texts(arguments.text, tower, arguments.model / "tokenizer.json")
    for path, likeness in zip(arguments.sounds, sounds @ texts.T, strict=True):
        for text, cosine in zip(arguments.text, likeness, strict=True):
            print(f"{cosine:6.3f}  {path.name}  {text}")
    if arguments.out is not None:
        np.savez(arguments.out, sounds=sounds, texts=texts)


if __name__ == "__main__":
    main()

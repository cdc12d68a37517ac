"""The compact model on a folder of Ogg files, beside HTSAT-tiny in transformers, and part by part.

    python benchmarks/compact.py [--rounds 5] [--files 16]

On one core: a folder is embedded as users do it, decoding included, which other cores would do meanwhile.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from common import CAPTIONS, SECONDS, Section, one_core, race, ratios, spread, table, write_sounds
from peers import Transformers, write_checkpoint

import chronoclap
from chronoclap.audio import read_audio
from chronoclap.models.export import export_onnx

ONNX_WORK = {
    "audio": "{'samples': np.zeros((1, 160_000), np.float32)}",
    "text": "{name: np.ones((1, 24), np.int64) for name in ('ids', 'mask')}",
}


def measure(rounds: int = 5, files: int = 16) -> Section:
    """Race them."""
    import onnxruntime

    torch.set_num_threads(1)
    clap, half = chronoclap.load("compact"), chronoclap.load("compact", precision="bfloat16")
    with one_core() as kept, tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder) / "clap")
        theirs = Transformers(Path(folder) / "clap")
        paths = write_sounds(Path(folder) / "sounds", files)
        waveforms = [read_audio(path, clap.rate) for path in paths]
        exported = Path(folder) / "onnx"
        export_onnx(clap, exported)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        hear = onnxruntime.InferenceSession(exported / "audio.onnx", options)

        def onnx_folder() -> np.ndarray:
            samples = [read_audio(path, clap.rate) for path in paths]
            return np.concatenate([hear.run(None, {"samples": each[None]})[0] for each in samples])

        times = race(
            {
                "decoding and resampling alone": lambda: [read_audio(path, clap.rate) for path in paths],
                "compact": lambda: clap.embed_audio(paths),
                "compact, decoded already": lambda: clap.embed_audio(waveforms),
                "compact in bfloat16": lambda: half.embed_audio(paths),
                "compact in bfloat16, decoded already": lambda: half.embed_audio(waveforms),
                "compact, exported, in ONNX Runtime": onnx_folder,
                "HTSAT-tiny in transformers": lambda: theirs.sounds([read_audio(p, 48_000) for p in paths]),
                "captions, compact": lambda: clap.embed_text(CAPTIONS),
            },
            rounds,
        )
        cosine = (half.embed_audio(paths) * clap.embed_audio(paths)).sum(1).min()
        memory = {
            tower: largest_memory(exported / f"{tower}.onnx", work) for tower, work in ONNX_WORK.items()
        }
    texts = times.pop("captions, compact")
    reference = times["HTSAT-tiny in transformers"]
    rows = [
        [
            name,
            spread([each / files for each in found], 4),
            spread([SECONDS * files / each for each in found], 0),
            ratios(reference, found),
        ]
        for name, found in times.items()
    ]
    share, half_share = (
        ratios(times[f"{name}, decoded already"], times["decoding and resampling alone"])
        for name in ("compact", "compact in bfloat16")
    )
    section = Section("The compact model: a folder of recordings")
    cores = "One core" if kept else "torch with one thread, and decoding on any core"
    section.lines.append(f"{cores}; {files} mono Ogg files of 10 s at 44.1 kHz.")
    section.lines += table(["", "seconds a file", "× real time", "× HTSAT-tiny"], rows)
    captions = spread([len(CAPTIONS) / each for each in texts], 0)
    section.lines.append(
        f"The model costs {share} times what decoding does, in bfloat16 {half_share} times; the cosine of a "
        f"vector in bfloat16 to that in float32 is {cosine:.4f} at least. Captions: {captions} a second. "
        f"Exported, a process with Python, numpy and onnxruntime needs {memory['audio']:.0f} MB for sounds "
        f"of 10 s and {memory['text']:.0f} MB for texts."
    )
    return section


def largest_memory(tower: Path, given: str) -> float:
    """Megabytes that a process needs at most to run an exported tower."""
    code = (
        "import numpy as np, onnxruntime; options = onnxruntime.SessionOptions(); "
        "options.intra_op_num_threads = 1; options.enable_cpu_mem_arena = False; "
        f"tower = onnxruntime.InferenceSession({str(tower)!r}, options); "
        f"[tower.run(None, {given}) for _ in range(3)]; print(open('/proc/self/status').read())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = re.search(r"VmHWM:\s+(\d+)", result.stdout)
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=16)
    print(measure(**vars(parser.parse_args())).show())

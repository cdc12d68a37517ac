"""HTSAT-tiny and RoBERTa-base beside transformers and laion_clap, on the same files and captions.

    python benchmarks/towers.py [--threads 2] [--rounds 5] [--files 16]

Files are decoded by us on all sides, so that only the models differ. Ratios are taken within a round.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from common import CAPTIONS, Section, peaks_gflops, race, ratios, spread, table, write_sounds
from peers import Laion, Transformers, write_checkpoint

import chronoclap
from chronoclap.audio import read_audio
from chronoclap.models import Clap
from chronoclap.models.workers import side_by_side
from chronoclap.scenes.foley import FOLEY, synthesise

GFLOP_HTSAT, GFLOP_TOKEN = 11.8, 13.3 / 77
"""Arithmetic of one window, and of one token of a text."""

EXACT = (("torch", "float32"), ("openvino", "float32"))
HALF = (("torch", "bfloat16"), ("openvino", "bfloat16"))


def measure(threads: int = 2, rounds: int = 5, files: int = 16) -> Section:
    """Race them."""
    torch.set_num_threads(threads)
    peaks = peaks_gflops()
    peak = max(peaks.values())
    reached = ", ".join(f"{value:.0f} ({name})" for name, value in peaks.items())
    section = Section("HTSAT-tiny and RoBERTa-base: embedding")
    section.lines.append(
        f"{threads} threads; {files} Ogg files of 10 s at 44.1 kHz and {len(CAPTIONS)} captions of 9 to 19 "
        f"tokens. Products of large float32 matrices reach {reached} GFLOP/s."
    )
    with tempfile.TemporaryDirectory() as folder:
        laion = write_checkpoint(Path(folder) / "clap")
        theirs = Transformers(Path(folder) / "clap")
        ours = {
            (engine, precision): chronoclap.load(Path(folder) / "clap", engine=engine, precision=precision)
            for engine, precision in (*EXACT, *(HALF if has_bfloat16() else ()))
        }
        chosen: dict[str, Clap] = {}
        for clap in ours.values():
            with torch.inference_mode():
                towers = clap.model.towers()
            name = f"chronoclap, {towers.hear_by}"
            chosen.setdefault(
                name, clap
            )  # what is asked for and cannot be had is the next best: once is enough
        if not has_bfloat16():
            half = chronoclap.load(Path(folder) / "clap", precision="bfloat16")
            sound, caption = cosines(half, next(iter(ours.values())))
            section.lines.append(
                "This processor has no bfloat16, so that it would only be slower and is not raced. Vectors "
                f"in bfloat16 have a cosine of at least {sound:.5f} (sounds) and {caption:.5f} (captions) to "
                "those in float32."
            )
        paths = write_sounds(Path(folder) / "sounds", files)
        waveforms = [read_audio(path, 48_000) for path in paths]
        mels = [next(iter(ours.values())).model.log_mel(waveform) for waveform in waveforms]
        plain = theirs.sounds(waveforms)

        def tower(clap: Clap) -> Callable[[], object]:
            def run() -> None:
                with torch.inference_mode():
                    hear = clap.model.towers().hear
                for _ in side_by_side(lambda mel: hear(mel).mean((1, 2)), mels):
                    pass

            return run

        section.lines += compare(
            "log-mel to HTSAT's vector",
            {"transformers": lambda: theirs.tower(mels)},
            {name: tower(clap) for name, clap in chosen.items()},
            {name: clap.embed_audio(waveforms) - plain for name, clap in chosen.items()},
            rounds,
            peak,
            GFLOP_HTSAT * files,
        )
        peers: dict[str, Callable[[], object]] = {}
        if laion is not None:
            peers["laion_clap"] = lambda: laion.sounds([read_audio(path, 48_000) for path in paths])
        peers["transformers"] = lambda: theirs.sounds([read_audio(path, 48_000) for path in paths])
        section.lines += compare(
            "a folder of Ogg files to embeddings",
            peers,
            {name: lambda clap=clap: clap.embed_audio(paths) for name, clap in chosen.items()},
            {name: clap.embed_audio(paths) - plain for name, clap in chosen.items()}
            | difference(laion, lambda model: model.sounds(waveforms) - plain),
            rounds,
            peak,
            GFLOP_HTSAT * files,
        )
        peers = {} if laion is None else {"laion_clap, padded to 77": lambda: laion.texts(CAPTIONS)}
        peers["transformers, padded to 77"] = lambda: theirs.texts(CAPTIONS, True)
        peers["transformers, to the longest"] = lambda: theirs.texts(CAPTIONS, False)
        plain = theirs.texts(CAPTIONS, True)
        read = {f"chronoclap, {reads(clap)}": clap for clap in chosen.values()}
        counted = sum(len(ids) for ids in theirs.tokenizer(CAPTIONS)["input_ids"])
        section.lines += compare(
            "captions to embeddings",
            peers,
            {name: lambda clap=clap: clap.embed_text(CAPTIONS) for name, clap in read.items()},
            {name: clap.embed_text(CAPTIONS) - plain for name, clap in read.items()}
            | difference(laion, lambda model: model.texts(CAPTIONS) - plain, "laion_clap, padded to 77"),
            rounds,
            peak,
            GFLOP_TOKEN * counted,
        )
    return section


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def cosines(one: Clap, other: Clap) -> tuple[float, float]:
    """The smallest cosine between what two models make of a few sounds, and of a few captions."""
    sounds = [np.resize(synthesise(name, 0, rate=48_000), 480_000) for name in list(FOLEY)[:4]]
    pairs = ((model.embed_audio(sounds), model.embed_text(CAPTIONS[:16])) for model in (one, other))
    return tuple(float((a * b).sum(1).min()) for a, b in zip(*pairs, strict=True))


def reads(clap: Clap) -> str:
    """What computes the text tower."""
    with torch.inference_mode():
        return clap.model.towers().read_by


def difference(
    laion: Laion | None, found: Callable[[Laion], np.ndarray], name: str = "laion_clap"
) -> dict[str, np.ndarray]:
    """How far LAION's vectors are from transformers', if it is there."""
    return {} if laion is None else {name: found(laion)}


def compare(
    title: str,
    peers: dict[str, Callable[[], object]],
    ours: dict[str, Callable[[], object]],
    apart: dict[str, np.ndarray],
    rounds: int,
    peak: float,
    gflop: float,
) -> list[str]:
    """A table of one race: seconds, ratios to each peer, share of the peak, difference to transformers."""
    times = race({**peers, **ours}, rounds)
    rows = []
    for name, each in times.items():
        share = f"{gflop / min(each) / peak:.0%}" if name in ours else ""
        over = [ratios(times[peer], each) if name in ours else "" for peer in peers]
        off = f"{np.abs(apart[name]).max():.0e}" if name in apart else ""
        rows.append([name, spread(each), *over, share, off])
    head = [f"**{title}**", "seconds", *(f"× {peer}" for peer in peers), "of the peak", "largest difference"]
    return table(head, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=16)
    print(measure(**vars(parser.parse_args())).show())

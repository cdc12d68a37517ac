"""How long embedding takes on this machine, part by part.

    python benchmarks/embed.py [--model compact] [--threads 1] [--repeats 7]

A 10 s recording (16-bit mono WAV, 44.1 kHz) goes through decoding with resampling, log-mel, the trunk, and
the whole of `embed_audio` from file to vector; sentences go through `embed_text`. Each part runs once
unmeasured, then `--repeats` times; the median stands with the fastest and the slowest.
"""

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch

import chronoclap
from chronoclap.audio import read_audio
from chronoclap.scenes.foley import synthesise

SECONDS = 10.0
RATE = 44_100
CLIPS = 8  # files that one measurement of `embed_audio` embeds
TEXTS = [f"a {first} barks, then the {then}" for first in ("dog", "seal") for then in ("rain", "bell") * 16]


def measure(work: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each of `repeats` calls, sorted, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)


def line(name: str, times: list[float], clips: int) -> str:
    """Seconds per 10 s recording, and how many times faster than the sound itself."""
    each = [seconds / clips for seconds in times]
    middle = statistics.median(each)
    return f"{name:<24}{middle:>9.4f}  {each[0]:.4f}–{each[-1]:.4f}{SECONDS / middle:>12.0f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="compact")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clap = chronoclap.load(arguments.model)
    sound = np.resize(synthesise("rain", 0, rate=RATE), round(SECONDS * RATE))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.wav" for number in range(CLIPS)]
        for path in paths:
            soundfile.write(path, sound, RATE, subtype="PCM_16")
        samples = read_audio(paths[0], clap.rate)
        batch = torch.from_numpy(samples)[None]
        with torch.inference_mode():
            mel = clap.model.mel(batch)
            parts = {
                "decode and resample": (lambda: read_audio(paths[0], clap.rate), 1),
                "log-mel": (lambda: clap.model.mel(batch), 1),
                "trunk": (lambda: clap.model.audio.features(mel), 1),
                f"embed_audio, {CLIPS} files": (lambda: clap.embed_audio(paths), CLIPS),
            }
            print(
                f"{clap.name}, torch {torch.__version__}, {arguments.threads} thread(s), {platform.machine()}"
            )
            print(f"{'':<24}{'s / 10 s':>9}  {'spread':<13}{'x real time':>12}")
            for name, (work, clips) in parts.items():
                print(line(name, measure(work, arguments.repeats), clips))
    times = measure(lambda: clap.embed_text(TEXTS), arguments.repeats)
    middle, slowest, fastest = (len(TEXTS) / t for t in (statistics.median(times), times[-1], times[0]))
    print(f"embed_text: {middle:.0f} texts/s  ({slowest:.0f}–{fastest:.0f})")


if __name__ == "__main__":
    main()

"""What the benchmarks share: who runs against whom, the machine, sounds and captions, tables."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import soundfile
import torch

from chronoclap.models.products import products
from chronoclap.scenes.foley import FOLEY, synthesise

RATE = 44_100
SECONDS = 10.0
NOUNS = (
    "dog barks",
    "siren wails",
    "man speaks over music",
    "door slams",
    "cat meows softly",
    "crowd cheers",
)
CAPTIONS = [
    f"A {first} {how} a {then}{end}"
    for first in NOUNS
    for then in NOUNS
    for how, end in (
        ("before", ""),
        ("and then", " in the distance"),
        ("while", " while rain falls on a roof"),
    )
]
HALF = {"avx512_bf16": "AVX512-BF16", "amx_bf16": "AMX"}
"""What processors call their ways to multiply in bfloat16."""
PACKAGES = ("torch", "transformers", "laion_clap", "openvino", "onnxruntime", "soundfile", "soxr")


@dataclass
class Section:
    """A part of the report: a heading, lines of text, and tables in Markdown."""

    title: str
    lines: list[str] = field(default_factory=list)

    def show(self) -> str:
        """As Markdown."""
        return "\n".join([f"## {self.title}", "", *self.lines, ""])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["", *("| " + " | ".join(row) + " |" for row in (head, rule, *rows)), ""]


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def one_core() -> Iterator[bool]:
    """Keep to one core what this thread does, and the threads that it begins, as torch's and those that
    decode: whether the system can (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield True
    finally:
        os.sched_setaffinity(0, cores)


def race(runners: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each in every round; they take turns, forwards and backwards, after a lap that is not
    counted."""
    for run in runners.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runners}
    for number in range(rounds):
        for name in list(runners) if number % 2 == 0 else reversed(runners):
            times[name].append(seconds(runners[name]))
    return times


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median with the smallest and the largest."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} [{low:.{digits}f}–{high:.{digits}f}]"


def ratios(slow: Sequence[float], fast: Sequence[float]) -> str:
    """How many times as fast, round by round."""
    return spread([a / b for a, b in zip(slow, fast, strict=True)])


def peaks_gflops() -> dict[str, float]:
    """What products of large float32 matrices reach with torch's present number of threads, by library."""
    a = torch.randn(2048, 2048)
    return {
        way.name: 2 * 2048**3 / min(seconds(partial(way.linear(a, None), a)) for _ in range(7)) / 1e9
        for way in products()
    }


def machine() -> list[str]:
    """Processor, its instructions, and versions."""
    name, info, said = platform.processor() or platform.machine(), Path("/proc/cpuinfo"), {}
    if info.is_file():
        said = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        said = {key.strip(): value.strip() for key, value in said.items()}
    flags = said.get("flags", "").split()
    half = [way for flag, way in HALF.items() if flag in flags] or ["nothing of its own"]
    capability = f"{torch.backends.cpu.get_cpu_capability()}, in bfloat16 with {' and '.join(half)}"
    installed = []
    for package in PACKAGES:
        try:
            installed.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            installed.append(f"no {package}")
    versions = ", ".join([f"Python {platform.python_version()}", *installed])
    return [f"{said.get('model name', name)}; torch computes with {capability}. {versions}."]


def write_sounds(folder: Path, count: int) -> list[Path]:
    """Ten-second mono Ogg Vorbis files at 44.1 kHz."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        name = list(FOLEY)[number % len(FOLEY)]
        samples = np.resize(synthesise(name, number, rate=RATE), round(SECONDS * RATE))
        paths.append(folder / f"{number}.ogg")
        with soundfile.SoundFile(paths[-1], "w", RATE, 1, format="OGG", subtype="VORBIS") as file:
            for start in range(0, len(samples), RATE):  # libsndfile overflows its stack on long writes
                file.write(samples[start : start + RATE])
    return paths

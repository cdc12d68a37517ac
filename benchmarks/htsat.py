"""HTSAT-tiny and RoBERTa beside transformers, in one run, on the same files and captions.

    python benchmarks/htsat.py [--threads 2] [--repeats 5] [--files 16] [--layers 12]

A checkpoint of random weights is written as transformers writes it, and both sides load it. transformers
works as its users write it, ClapProcessor and ClapModel under `no_grad`, eight at a time; files are decoded
by us on both sides, so that only the models differ. The two take turns; ratios are taken within a round, and
their median stands with the smallest and the largest.
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
from tokenizers import ByteLevelBPETokenizer
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizerFast

import chronoclap
from chronoclap.audio import read_audio
from chronoclap.scenes.foley import FOLEY, synthesise

RATE = 44_100
SECONDS = 10.0
BATCH = 8
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


def write_checkpoint(folder: Path, layers: int) -> None:
    """A CLAP of the released size (12 layers) or a smaller one, with random weights."""
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(CAPTIONS, vocab_size=600, special_tokens=special, show_progress=False)
    (folder / "tokenizer").mkdir(parents=True)
    tokenizer.save_model(str(folder / "tokenizer"))
    torch.manual_seed(0)
    config = ClapConfig(text_config={"num_hidden_layers": layers, "layer_norm_eps": 1e-5})
    ClapModel(config).save_pretrained(folder)
    extractor = ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50)
    roberta = RobertaTokenizerFast.from_pretrained(folder / "tokenizer")
    ClapProcessor(extractor, roberta).save_pretrained(folder)


def write_sounds(folder: Path, count: int) -> list[Path]:
    """Ten-second Ogg files at 44.1 kHz."""
    paths = []
    for number in range(count):
        name = list(FOLEY)[number % len(FOLEY)]
        samples = np.resize(synthesise(name, number, rate=RATE), round(SECONDS * RATE))
        paths.append(folder / f"{number}.ogg")
        with soundfile.SoundFile(paths[-1], "w", RATE, 1, format="OGG", subtype="VORBIS") as file:
            for start in range(0, len(samples), RATE):  # libsndfile overflows its stack on long writes
                file.write(samples[start : start + RATE])
    return paths


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--layers", type=int, default=12, help="of RoBERTa; fewer for a quick look")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, sounds = Path(folder, "clap"), Path(folder, "sounds")
        sounds.mkdir()
        write_checkpoint(checkpoint, arguments.layers)
        paths = write_sounds(sounds, arguments.files)
        clap = chronoclap.load(checkpoint)
        theirs, processor = (
            ClapModel.from_pretrained(checkpoint).eval(),
            ClapProcessor.from_pretrained(checkpoint),
        )
        waveforms = [read_audio(path, 48_000) for path in paths]
        mels = [clap.model.log_mel(waveform) for waveform in waveforms]

        def their_sounds() -> np.ndarray:
            return their_waveforms([read_audio(path, 48_000) for path in paths])

        def their_waveforms(given: list[np.ndarray]) -> np.ndarray:
            vectors = []
            for start in range(0, len(given), BATCH):
                inputs = processor(
                    audio=given[start : start + BATCH], sampling_rate=48_000, return_tensors="pt"
                )
                vectors.append(theirs.get_audio_features(**inputs).pooler_output)
            return torch.cat(vectors).numpy()

        def their_tower() -> torch.Tensor:
            return torch.cat(
                [
                    theirs.audio_model(torch.stack(mels[start : start + BATCH])).pooler_output
                    for start in range(0, len(mels), BATCH)
                ]
            )

        def our_tower() -> torch.Tensor:
            hear = clap.model.towers().hear
            return torch.cat([hear(mel).mean((1, 2)) for mel in mels])

        def their_texts(padding: str | bool) -> np.ndarray:
            vectors = []
            for start in range(0, len(CAPTIONS), BATCH):
                batch = CAPTIONS[start : start + BATCH]
                limit = {"max_length": 77} if padding == "max_length" else {}
                inputs = processor(text=batch, return_tensors="pt", padding=padding, **limit)
                vectors.append(theirs.get_text_features(**inputs).pooler_output)
            return torch.cat(vectors).numpy()

        work: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "log-mel to HTSAT's vector": (their_tower, our_tower),
            "Ogg files to embeddings": (their_sounds, lambda: clap.embed_audio(paths)),
            "captions, theirs padded to 77": (
                lambda: their_texts("max_length"),
                lambda: clap.embed_text(CAPTIONS),
            ),
            "captions, theirs to the longest": (lambda: their_texts(True), lambda: clap.embed_text(CAPTIONS)),
        }
        with torch.no_grad():
            chosen = clap.model.towers()
            apart = np.abs(their_waveforms(waveforms) - clap.embed_audio(paths)).max()
            apart_texts = np.abs(their_texts(True) - clap.embed_text(CAPTIONS)).max()
            machine = f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
            print(f"{machine}, {arguments.threads} thread(s), torch {torch.__version__}")
            print(f"products by {chosen.hear_by} (sounds) and {chosen.read_by} (texts)")
            print(f"embeddings differ by at most {apart:.1e} (sounds) and {apart_texts:.1e} (texts)")
            print(f"{'':<34}{'transformers, s':>16}{'chronoclap, s':>16}{'times as fast':>22}")
            for name, (reference, ours) in work.items():
                reference(), ours()
                rounds = [(seconds(reference), seconds(ours)) for _ in range(arguments.repeats)]
                ratios = sorted(a / b for a, b in rounds)
                middle = [statistics.median(times) for times in zip(*rounds, strict=True)]
                print(
                    f"{name:<34}{middle[0]:>16.2f}{middle[1]:>16.2f}{statistics.median(ratios):>10.2f}"
                    f"  ({ratios[0]:.2f}–{ratios[-1]:.2f})"
                )


if __name__ == "__main__":
    main()

"""One training step of HTSAT-tiny and RoBERTa-base, AdamW included, beside transformers and laion_clap.

    python benchmarks/training.py [--threads 2] [--rounds 2] [--pairs 8]

Every variant runs in a process of its own, for its memory, and they take turns. All train with InfoNCE on the
same random windows of 10 s; peers pad captions to 77 tokens, as their own functions do. Frozen lower layers
are those of the recipe `teminal`; what they make of the sounds is computed once and kept, as in a run.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path

import torch
from common import CAPTIONS, Section, ratios, seconds, spread, table
from peers import Laion, Transformers, tokens, write_checkpoint
from torch import nn

import chronoclap
from chronoclap.losses import info_nce
from chronoclap.training import Economy, find_recipe
from chronoclap.training.economy import kept_memory, quick_arithmetic, recomputed
from chronoclap.training.loop import embed_scenes
from chronoclap.training.weights import choose_trained, to_train

STEPS = 3
VARIANTS = {
    "laion_clap": "laion",
    "transformers": "transformers",
    "chronoclap, all weights": "all",
    "chronoclap, all weights, checkpointing": "checkpointing",
    "chronoclap, LoRA of rank 8": "lora",
    "chronoclap, lower layers frozen": "frozen",
    "chronoclap, all weights, bfloat16": "bfloat16",
}


def measure(threads: int = 2, rounds: int = 2, pairs: int = 8) -> Section:
    """Race them."""
    times: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        laion = write_checkpoint(Path(folder) / "clap")
        variants = {name: key for name, key in VARIANTS.items() if key != "laion" or laion is not None}
        if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            variants = {name: key for name, key in variants.items() if key != "bfloat16"}
        for number in range(rounds):
            for name in list(variants) if number % 2 == 0 else reversed(variants):
                command = [sys.executable, __file__, "--threads", str(threads), "--pairs", str(pairs)]
                result = subprocess.run(
                    [*command, "--alone", variants[name], "--checkpoint", str(Path(folder) / "clap")],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                measured = json.loads(result.stdout.splitlines()[-1])
                times.setdefault(name, []).append(measured["seconds"])
                memory[name] = measured["gib"]
    peers = [name for name in variants if not name.startswith("chronoclap")]
    rows = []
    for name, each in times.items():
        over = [ratios(times[peer], each) if name not in peers else "" for peer in peers]
        rows.append([name, spread(each), *over, f"{memory[name]:.1f}"])
    head = ["", "seconds a step", *(f"× {peer}" for peer in peers), "largest memory, GiB"]
    said = f"{threads} threads, {pairs} pairs a step, captions of 9 to 19 tokens. " + " ".join(
        __doc__.split("\n\n")[2].split()
    )
    return Section("HTSAT-tiny and RoBERTa-base: a training step", [said, *table(head, rows)])


def alone(variant: str, checkpoint: Path, threads: int, pairs: int) -> None:
    """Measure one variant, and print its median step and this process's largest memory."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    mels = torch.randn(pairs, 1001, 64) * 15 - 40
    texts = CAPTIONS[:pairs]
    with ExitStack() as entered:
        if variant not in PREPARE:  # as a run of ours does it, and no run of a peer's
            entered.enter_context(quick_arithmetic())
            entered.enter_context(kept_memory())
        step = PREPARE.get(variant, _ours)(variant, checkpoint, mels, texts)
        step()
        each = [seconds(step) for _ in range(STEPS)]
    # Not getrusage's: that begins with what the process had which started this one.
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    peak = int(found[1]) / 2**20 if found else float("nan")
    print(json.dumps({"seconds": statistics.median(each), "gib": peak}))


def stepping(
    weights: list[nn.Parameter], loss: Callable[[], torch.Tensor], fused: bool = False
) -> Callable[[], object]:
    """One step of AdamW on a loss; ours is the fused one."""
    optimiser = torch.optim.AdamW(weights, lr=1e-5, fused=fused)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        optimiser.step()

    return step


def _laion(variant: str, checkpoint: Path, mels: torch.Tensor, texts: list[str]) -> Callable[[], object]:
    laion = Laion(checkpoint.parent / "tokenizer")
    laion.clap.train()
    samples = torch.randn(len(mels), 480_000) * 0.1  # its log-mel is a part of its model
    inputs = tokens(laion.tokenizer, texts, True)

    def loss() -> torch.Tensor:
        return info_nce(laion.hear(samples), laion.read(inputs), laion.clap.logit_scale_a.exp())

    return stepping(list(laion.clap.parameters()), loss)


def _transformers(
    variant: str, checkpoint: Path, mels: torch.Tensor, texts: list[str]
) -> Callable[[], object]:
    theirs = Transformers(checkpoint)
    theirs.clap.train()
    inputs = tokens(theirs.tokenizer, texts, True)

    def loss() -> torch.Tensor:
        heard = theirs.clap.get_audio_features(input_features=mels[:, None]).pooler_output
        read = theirs.clap.get_text_features(**inputs).pooler_output
        return info_nce(heard, read, theirs.clap.logit_scale_a.exp())

    return stepping(list(theirs.clap.parameters()), loss)


def _ours(variant: str, checkpoint: Path, mels: torch.Tensor, texts: list[str]) -> Callable[[], object]:
    name = "teminal-b" if variant == "frozen" else "contrastive"
    recipe = find_recipe(name, "htsat-roberta", lora=8 if variant == "lora" else None)
    model = to_train(chronoclap.load(checkpoint).model, recipe)
    trained = choose_trained(model, recipe.trains)
    model.keep_frozen(trained.keys())
    with torch.no_grad():
        features = mels if model.ear is None else model.ear(mels)
    model.train()
    economy = Economy(variant == "checkpointing", "bfloat16" if variant == "bfloat16" else "float32")

    def loss() -> torch.Tensor:
        with (
            recomputed(model) if economy.checkpointing else nullcontext(),
            torch.autocast("cpu", torch.bfloat16, enabled=economy.precision == "bfloat16"),
        ):
            return info_nce(embed_scenes(model, features), model.encode_texts(texts), model.scale())

    return stepping(list(trained.values()), loss, fused=True)


PREPARE = {"laion": _laion, "transformers": _transformers}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--checkpoint", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        alone(given.alone, given.checkpoint, given.threads, given.pairs)
    else:
        print(measure(given.threads, given.rounds, given.pairs).show())

"""The demonstration: a model that tosses coins about order learns it, on sounds that the machine makes."""

import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich import print as show

from chronoclap.data import by_split, read_manifest
from chronoclap.errors import ChronoclapError
from chronoclap.evaluation import Row, evaluate, plot, tables, write_json
from chronoclap.evaluation.tasks.t_classify import TASK
from chronoclap.evaluation.tasks.zero_shot import TASK as ZERO_SHOT
from chronoclap.files import replacing
from chronoclap.jobs import note
from chronoclap.models import Clap, load
from chronoclap.scenes import Event
from chronoclap.training import Recipe, find_recipe, train

BASE = "compact-base"
RECIPE = find_recipe("chrono", steps=300)
"""The start cannot read of order either; this recipe teaches both."""
PAIRS = 100  # of recordings, for each slice: enough to tell 0.5 from 0.9, and a minute of listening


def run(out: Path, *, steps: int | None = None, seed: int = 0) -> None:
    """Train, test and tell, with the shipped base and the built-in sounds; see `chronoclap demo --help`."""
    recipe = RECIPE if steps is None else replace(RECIPE, steps=steps)
    demonstrate(load(BASE), read_manifest("foley"), recipe, out, seed=seed)


def demonstrate(
    start: Clap, events: list[Event], recipe: Recipe, out: Path, *, seed: int = 0, n_pairs: int = PAIRS
) -> list[Row]:
    """Test a model, train it, test it again, and tell each step in plain words.

    Args:
        start: the model before.
        events: recordings of both the train and the test split.
        recipe: how to train.
        out: gets `after/` (the checkpoint with its log), `results.json` and `order.png`.
        seed: of everything that is drawn.
        n_pairs: pairs of recordings for each slice.

    Returns:
        The rows of the models "start", "after" and "oracle-halves".

    Raises:
        DataError: `out` holds the unfinished run of another recipe or seed.
    """
    began = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    training, testing = by_split(events, "train"), by_split(events, "test")

    _stage(1, f"Before. {start.name} knows what sounds are, not what came first.")
    print(
        f"It hears two of {len({event.phrase for event in testing})} kinds of sound in a row and chooses: "
        '"A followed by B", or "B followed by A"?\n'
        "Both orders of every pair are asked about; then, what each recording is when heard alone."
    )
    before = _ask(Clap(start.model, "start"), events, seed, n_pairs)
    _tell("start", before)

    _stage(2, f"Training: {recipe.steps} steps of the recipe {recipe.name}.")
    print(
        f"Scenes are composed from {len(training)} recordings of {len({event.phrase for event in training})} "
        "kinds, each pair in both orders, and\nthe model learns which caption is true. A scene is made when "
        "it is first needed: the bar is slow at first."
    )
    unfinished = (out / "after" / "state.pt").exists()
    after = train(recipe, start, training, out / "after", seed=seed, resume=unfinished)

    _stage(3, "After. The same questions, about recordings that it has not heard.")
    rows = before + _ask(Clap(after.model, "after"), events, seed, n_pairs, oracle=start)

    _stage(4, "Results")
    with replacing(out / "results.json") as new:
        write_json(rows, new)
    show(tables([row for row in rows if row.task in (TASK, ZERO_SHOT)]))
    print(
        "oracle halves: the ear of before, told where one sound ends and the next begins.\n"
        "pair_unseen: the two kinds were never trained together; class_unseen: neither kind was trained."
    )
    _tell("start", rows)
    _tell("after", rows)
    _draw(rows, out / "order.png")
    print(
        f"\nDone in {(time.perf_counter() - began) / 60:.1f} minutes. {out} holds the model and its log "
        "(after/) and all numbers (results.json)."
    )
    _next(out / "after")
    return rows


def _ask(clap: Clap, events: list[Event], seed: int, n_pairs: int, oracle: Clap | None = None) -> list[Row]:
    return evaluate([clap], events, "temporal", "test", oracle, seed, n_pairs, progress=True, note=note)


def _stage(number: int, text: str) -> None:
    show(f"\n[bold]{number}/4  {text}[/]", flush=True)


def _tell(model: str, rows: list[Row]) -> None:
    """Say how often the model was right about the order."""
    overall = {row.metric: row for row in rows if (row.model, row.task, row.slice) == (model, TASK, "all")}
    to_text, to_audio = overall["audio_to_text"], overall["text_to_audio"]
    print(f"Order right, {model:>5}: {to_text.value:.0%} from sound to text, {to_audio.value:.0%} back.")


def _draw(rows: list[Row], path: Path) -> None:
    """Draw before and after, or say what is missing to do so."""
    try:
        with replacing(path) as new:
            plot(rows, new)
    except ChronoclapError as error:
        print(f"No picture: {error}")
    else:
        print(f"Picture: {path}")


def _next(model: Path) -> None:
    """Say what to try next, in commands that can be pasted."""
    own = ["--model", str(model)]
    commands = {
        "hear order in a recording of yours": [
            *("classify", "yard.wav", "--labels", "dog barking then rain, rain then dog barking", *own)
        ],
        "test it on recordings of yours": ["eval", str(model), BASE, "--data", "recordings.csv"],
        "teach it sounds of yours, a folder for each kind": [
            *("train", "chrono", "--data", "recordings/", "--out", "runs/mine")
        ],
        "turn recordings into vectors": ["embed", "recordings/", "--out", "vectors.npz", *own],
        "listen to what it learned from": ["compose", "--data", "foley", "--out", "scenes"],
    }
    print("\nWhat to try next:")
    for purpose, words in commands.items():
        print(f"  # {purpose}\n  {shlex.join([sys.argv[0], *words])}")

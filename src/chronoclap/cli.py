"""The command line: one command per job, each a thin call of the package."""

import errno
import json
import shlex
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from chronoclap import jobs
from chronoclap.errors import ChronoclapError, DataError
from chronoclap.jobs import note

# Commands import what they need themselves: torch takes seconds, and --help must not.


class Commands(TyperGroup):
    """The commands, with what goes wrong on purpose said in a sentence instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except ChronoclapError as error:
            note(f"Error: {error}")
        except KeyboardInterrupt:
            note("\nStopped: what was not finished was not written.")
            raise typer.Exit(130) from None
        except OSError as error:
            if error.errno == errno.EPIPE or error.filename is None:
                raise
            note(f"Error: {error.filename}: {error.strerror}.")
        raise typer.Exit(1)


app = typer.Typer(
    name="chronoclap",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    add_completion=False,
    help='Sound and text in one space, with a sense of time: to it, "a dog barks, then rain falls" is not '
    '"rain falls, then a dog barks".',
    epilog="[bold]For example[/]\n\n"
    "chronoclap demo\n\n"
    'chronoclap classify yard.wav --labels "dog barking then rain, rain then dog barking"\n\n'
    "chronoclap train chrono --data recordings/ --out runs/mine\n\n"
    "chronoclap eval runs/mine compact-base --data recordings/ --split test",
)

TRY, USE, TEACH = "Start here", "Use a model", "Teach and test a model"

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE", help="Recordings; a folder means all recordings in it.", show_default=False
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model", metavar="MODEL", help="A shipped model (chronoclap models lists them) or a directory."
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="MANIFEST",
        help="A .csv or .jsonl file with 'path' and 'event' or 'caption' (optional: split, source, "
        "class_unseen); a folder of folders named by what is heard; or foley: the built-in synthetic sounds.",
    ),
]
Split = Annotated[Literal["train", "val", "test"], typer.Option(help="The part of the data to use.")]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1, help="Training steps: fewer are quicker, and teach less.", show_default="the recipe's"
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write the results to this file.")
]


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options of chronoclap itself."""
    if version:
        from chronoclap import __version__

        typer.echo(f"chronoclap {__version__}")
        raise typer.Exit


@app.command(rich_help_panel=TRY)
def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the model, its log, the numbers and the picture go.")
    ] = Path("demo-out"),
    steps: Steps = None,
    seed: Seed = 0,
) -> None:
    """Watch a model go from tossing coins to knowing order, on sounds made on the spot (minutes)."""
    from chronoclap.demo import run

    run(out, steps=steps, seed=seed)


@app.command(rich_help_panel=TRY)
def models() -> None:
    """List the models that come with the package."""
    from rich import print as show
    from rich.box import SIMPLE
    from rich.table import Table

    from chronoclap.models import load, shipped_names
    from chronoclap.models.compact import CompactModel

    table = Table("model", "numbers per vector", "hears order", "what it is", box=SIMPLE, pad_edge=False)
    for name in shipped_names():
        clap = load(name)
        assert isinstance(clap.model, CompactModel)  # as all that are shipped
        order = "yes" if clap.model.config.events.moments > 1 else "no"
        table.add_row(name, str(clap.dim), order, str(clap.info.get("description", "")))
    show(table)


@app.command(rich_help_panel=USE)
def convert(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A .pt of laion_clap or .pth of msclap.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new checkpoint directory.")],
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="Directory or Hugging Face name of the text tower's tokenizer, which such files lack. "
            "Default: roberta-base (laion_clap), bert-base-uncased or gpt2 (msclap), from the hub."
        ),
    ] = None,
) -> None:
    """Turn a checkpoint of laion_clap or msclap into a directory that chronoclap loads, and of laion_clap one
    that transformers loads too."""
    from chronoclap.models.convert import convert as convert_file

    model, architecture, dropped = convert_file(file, out, tokenizer)
    note(f"{file.name}: {architecture}; {model.dim} numbers a vector, short recordings are repeated.")
    note(f"{len(dropped)} tensors that embeddings do not need are left out.")
    note(f'Saved to {out}; for questions of order load it with fill="silence".')


@app.command(rich_help_panel=USE)
def classify(
    files: Files,
    labels: Annotated[
        str,
        typer.Option(help='What to choose from: "dog, rain, dog then rain", or a .txt file with one a line.'),
    ],
    prompt: Annotated[
        str, typer.Option(help="The sentence that each label is put into; {label} alone for none.")
    ] = "this is a sound of {label}",
    top: Annotated[int, typer.Option(min=1, help="How many labels to give for each recording.")] = 3,
    model: Model = "compact",
    json_file: Json = None,
) -> None:
    """Say which of your labels fits each recording best; a label may tell what comes after what."""
    from chronoclap.models import load

    names = list(dict.fromkeys(jobs.lines_or_items(labels, separator=",")))
    if len(names) < 2:
        raise DataError(
            f"--labels {labels!r} gives {len(names)}: give two or more, with commas between them."
        )
    if "{label}" not in prompt:
        raise DataError(f"--prompt {prompt!r} has no place for the label: write {{label}} where it belongs.")
    clap = load(model)
    texts = clap.embed_text([prompt.replace("{label}", name) for name in names])
    paths, vectors = jobs.embed_files(clap, files)
    rows = []
    for path, chances in zip(
        paths, jobs.probabilities(clap.model.scale().item() * vectors @ texts.T), strict=True
    ):
        typer.echo(path)
        for index in (-chances).argsort(kind="stable")[:top]:
            typer.echo(f"  {chances[index]:6.1%}  {names[index]}")
            rows.append({"path": str(path), "label": names[index], "probability": float(chances[index])})
    if json_file is not None:
        with jobs.replacing(json_file) as new:
            new.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


@app.command(rich_help_panel=USE)
def embed(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Recordings; a folder means all in it.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .npz file to write.")] = Path(
        "embeddings.npz"
    ),
    text: Annotated[
        list[str] | None,
        typer.Option(help="A text to embed too, or a .txt file with one a line; may be repeated."),
    ] = None,
    model: Model = "compact",
) -> None:
    """Turn recordings and texts into unit vectors: the better two fit, the higher their dot product.

    The file holds the arrays paths and vectors, texts and text_vectors, and model; numpy.load reads it.
    """
    import numpy as np

    from chronoclap.models import load

    texts = [line for given in text or () for line in jobs.lines_or_items(given)]
    if not files and not texts:
        raise DataError("There is nothing to embed: name recordings, a folder, or a --text.")
    clap = load(model)
    paths, vectors = jobs.embed_files(clap, files) if files else ([], np.zeros((0, clap.dim), np.float32))
    jobs.write_embeddings(out, clap.name, paths, vectors, texts, clap.embed_text(texts))
    typer.echo(
        f"{out}: {len(paths)} recordings and {len(texts)} texts, {clap.dim} numbers each, by {clap.name}."
    )


@app.command(rich_help_panel=TEACH)
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="chrono, ours, teaches order best; contrastive, the control, lacks what does. From the "
            "papers: tclap, teminal (teminal-a, then teminal-b; as published: teminal-code), tact, compa "
            "(compa-2, then compa-3), dtu.",
        ),
    ],
    data: Annotated[
        list[str],
        typer.Option(
            "--data", metavar="MANIFEST", help="As for eval; may be repeated: --data mine.csv --data foley."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the model and its log go.")],
    init: Annotated[str, typer.Option(metavar="MODEL", help="The model to start from.")] = "compact-base",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    steps: Steps = None,
    groups: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Groups of scenes to compose: more vary more, and take longer.",
            show_default="the recipe's",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="At its peak.", show_default="the recipe's")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that compose scenes.", show_default="one per core")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Teach a model order on your recordings; only those of the train split are used."""
    from chronoclap.models import load
    from chronoclap.training import count_trained, find_stages, train_stages

    start = load(init)
    stages = find_stages(
        recipe, start.model.architecture, steps=steps, groups=groups, learning_rate=learning_rate
    )
    events = jobs.read_training_events(data, start.rate)
    classes = len({event.phrase for event in events})
    total = sum(stage.steps for stage in stages)
    note(f"{recipe}: {total} steps from {init}, {len(events)} recordings of {classes} kinds of sound.")
    for stage in stages:
        moving, weights = count_trained(stage, start.model)
        note(f"{stage.name} moves {moving:,} of {weights:,} weights ({100 * moving / weights:.1f} %).")
    try:
        train_stages(stages, start, events, out, seed=seed, resume=resume, workers=workers)
    except KeyboardInterrupt:
        again = [*sys.argv, *(() if resume else ("--resume",))]
        note(f"\nStopped. Go on from the last saved state with:\n  {shlex.join(again)}")
        raise typer.Exit(130) from None
    typer.echo(f"The model is in {out}. Test it on recordings that it has not heard:")
    typer.echo(f"  {shlex.join([sys.argv[0], 'eval', str(out), init, '--data', data[0], '--split', 'test'])}")


@app.command("eval", rich_help_panel=TEACH)
def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help="Models to set side by side.")],
    data: Data,
    split: Split = "test",
    suite: Annotated[
        Literal["temporal", "zste", "order", "retrieval", "all"],
        typer.Option(
            help="temporal: order of two events, its controls, and zero-shot; zste: the five tasks of ZSTE; "
            "order: tests in the form of CompA and TACT, and three sounds in a row; retrieval: of single "
            "sounds."
        ),
    ] = "temporal",
    json_file: Json = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Also draw the results: .png, .svg or .pdf.")
    ] = None,
    oracle: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="The model whose ear, told where sounds part, is the line to reach; or none.",
        ),
    ] = "compact-base",
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of recordings for each slice of classes.")] = 400,
    fill: Annotated[
        Literal["silence", "repeat", "repeatpad"] | None,
        typer.Option(
            help="What follows recordings shorter than the window of another's CLAP, in place of its own "
            "choice. LAION's repeat: A, B becomes A, B, A, B."
        ),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask about the pairs or items in this file; where there is none, keep them in it.",
        ),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Measure whether models know what came first, beside chance and beside a perfect sense of time."""
    from rich import print as show

    from chronoclap.evaluation import evaluate as measure
    from chronoclap.evaluation import plot, tables, write_json
    from chronoclap.models import load

    events = jobs.read_events(data)
    claps = {name: load(name) for name in dict.fromkeys(models)}
    jobs.fill_with(list(claps.values()), fill)
    titles = [clap.name for clap in claps.values()]
    for name, clap in claps.items():
        if titles.count(clap.name) > 1:
            clap.name = name  # directories may call themselves alike, but are not named alike
    bound = None
    if suite != "retrieval" and oracle != "none":
        bound = claps.get(oracle) or load(oracle)
    asked = None
    if items is not None:
        chosen = [event for event in events if event.split == split]
        asked = jobs.items_to_ask(items, suite, chosen, pairs, seed)
    rows = measure(
        list(claps.values()), events, suite, split, bound, seed, pairs, progress=True, items=asked, note=note
    )
    show(tables(rows))
    if json_file is not None:
        with jobs.replacing(json_file) as new:
            write_json(rows, new)
    if plot_file is not None:
        with jobs.replacing(plot_file) as new:
            plot(rows, new)


@app.command(rich_help_panel=TEACH)
def compose(
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder, for the scenes and captions.csv.")],
    n: Annotated[
        int, typer.Option("--n", min=1, help="How many scenes; most come in twos, one for each order.")
    ] = 20,
    split: Split = "train",
    layout: Annotated[
        Literal["natural", "plain", "teminal"],
        typer.Option(
            help="natural: gaps, cross-fades and levels as in training; plain: 5 s + 5 s as in T-CLAP; "
            "teminal: as in TeminAL."
        ),
    ] = "natural",
    rate: Annotated[int, typer.Option(min=8000, help="Sampling rate of the scenes, in Hz.")] = 32_000,
    seed: Seed = 0,
) -> None:
    """Write scenes as training hears them, to listen to, with captions that are true and some that are not.

    captions.csv has the columns path, relation, caption, contradictions, events and onsets (in seconds).
    """
    from tqdm.auto import tqdm

    from chronoclap.scenes import NATURAL, PLAIN, TEMINAL, Sounds
    from chronoclap.training import find_recipe
    from chronoclap.training.groups import Grouper

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already: name a new folder with --out.")
    events = jobs.playable([event for event in jobs.read_events(data) if event.split == split], rate)
    chosen = find_recipe("tclap", layout={"natural": NATURAL, "plain": PLAIN, "teminal": TEMINAL}[layout])
    sounds = Sounds(rate)
    grouper = Grouper(events, chosen, seed, sounds)
    scenes = islice((scene for index in range(n) for scene in grouper.group(index)), n)
    jobs.write_scenes(tqdm(scenes, total=n, desc="composing", unit="scene"), sounds, seed, out)
    typer.echo(f"{out}: {n} scenes. Read captions.csv while you listen.")


def main() -> None:
    """Run the command line."""
    app()

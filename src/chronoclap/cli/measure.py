"""Commands that test models."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from chronoclap import jobs
from chronoclap.cli.app import TEACH, Data, Json, Seed, app
from chronoclap.errors import DataError
from chronoclap.files import replacing
from chronoclap.jobs import note

if TYPE_CHECKING:  # torch takes seconds to import
    from chronoclap.evaluation.published import Captioned
    from chronoclap.evaluation.suites import Asked

Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL",
        help="Models to set side by side: a shipped name, a directory, a name on the hub; or a peer's: "
        "sentence-transformers:NAME, laion_clap:CHECKPOINT, msclap:2023, open_clip:MODEL, "
        "openflam:CHECKPOINT, python:FILE.py:NAME for any other with two functions. @PYTHON at the end "
        "names the interpreter of another environment that it runs in.",
    ),
]
Fill = Annotated[
    Literal["silence", "repeat", "repeatpad"] | None,
    typer.Option(
        help="What follows recordings shorter than the window of another's CLAP, in place of its own "
        "choice. LAION's repeat: A, B becomes A, B, A, B."
    ),
]


@app.command("eval", rich_help_panel=TEACH)
def evaluate(
    models: Models,
    data: Data,
    split: Annotated[
        Literal["train", "val", "test", "all"],
        typer.Option(
            help="The part of the data to use; all: every recording, as zero-shot results are published, of "
            "models that were trained on none of them."
        ),
    ] = "test",
    suite: Annotated[
        Literal[
            "temporal",
            "zste",
            "order",
            "wordings",
            "sweeps",
            "retrieval",
            "all",
            "captions",
            "compa-order",
            "compa-attribute",
            "audiotime",
            "dtu",
        ],
        typer.Option(
            help="temporal: order of two events, its controls, and zero-shot; zste: the five tasks of ZSTE; "
            "order: tests in the form of CompA and TACT, and three sounds in a row; wordings: order in words "
            "that training's captions lack; sweeps: sounds further apart, overlapping, louder, longer; "
            "retrieval: of single sounds; all: these. Of sounds with captions: captions, where --data is a "
            "table (see rewrite), audiocaps:FOLDER or a folder of shards (see compose); compa-order, "
            "compa-attribute, audiotime and dtu, where it is the published file and --recordings the folder."
        ),
    ] = "temporal",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a report: a page to look at, Markdown, JSON with every score, what was asked; and "
            "keep embeddings there, so that a second run takes seconds.",
        ),
    ] = None,
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
    pairs: Annotated[
        int,
        typer.Option(
            min=1,
            help="Pairs of recordings for each slice of classes; the curves of sweeps have them all when "
            "asked for alone, else 6.",
        ),
    ] = 200,
    fill: Fill = None,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask about the pairs or items in this file; where there is none, keep them in it.",
        ),
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The recordings of a published benchmark.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Measure whether models know what came first, beside chance and beside a perfect sense of time.

    chronoclap eval compare A/report.json B/report.json sets two reports side by side, item by item.
    """
    from rich import print as show

    from chronoclap.evaluation import plot, tables, write_json
    from chronoclap.evaluation.published import ask_published, is_published, read_published
    from chronoclap.evaluation.suites import ask, check_names, choose_items, of_split
    from chronoclap.evaluation.tasks.oracle import ORACLE

    if items is not None and (suite == "retrieval" or is_published(suite)):
        raise DataError(f"The suite {suite} asks about every recording and has no list: leave out --items.")
    if split == "all":
        note("Every split is asked: a model that was trained on these data has heard the answers.")
    embedders = jobs.open_models(models, fill)
    check_names(embedders)
    bound = None
    if suite != "retrieval" and not is_published(suite) and oracle != "none":
        bound = jobs.open_models([oracle], None, quiet=True)[0]
    names = [embedder.name for embedder in embedders] + ([] if bound is None else [ORACLE])
    with jobs.report_folder(out, names, data, split, suite, pairs, seed) as kept:
        if kept is not None:
            embedders = kept.remembering(embedders)
            bound = kept.remembering([bound])[0] if bound is not None else None
        asked: Asked | Captioned
        if is_published(suite):
            asked = read_published(suite, data, recordings, split)
            rows = ask_published(embedders, asked, seed, progress=True)
        else:
            events = jobs.read_events(data, every_label=True)
            listed = None
            place = items or (kept.items if kept is not None and suite != "retrieval" else None)
            if place is not None:
                listed = jobs.items_to_ask(place, suite, of_split(events, split), pairs, seed)
            if kept is not None and items is not None:
                kept.keep_items(items)
            asked = choose_items(events, suite, split, seed, pairs, items=listed, progress=True, note=note)
            rows = ask(embedders, asked, bound, note=note)
        show(tables(rows))
        if kept is not None:
            page = kept.write(rows, embedders, asked, sys.argv[1:])
            typer.echo(f"The report is {page}; beside it report.md and report.json.")
    if json_file is not None:
        with replacing(json_file) as new:
            write_json(rows, new)
    if plot_file is not None:
        with replacing(plot_file) as new:
            plot(rows, new)


@app.command("eval compare", rich_help_panel=TEACH)
def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A report.json of eval --out; of several models, A:MODEL.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one, or the same with another model.")],
    json_file: Json = None,
    seed: Seed = 0,
) -> None:
    """Set two models side by side, item by item: differences with intervals that one of the two could not
    have alone."""
    from rich import print as show

    from chronoclap.evaluation.reports.record import compare as compare_rows
    from chronoclap.evaluation.reports.record import model_rows, write_differences
    from chronoclap.evaluation.reports.terminal import differences

    compared, remarks = compare_rows(model_rows(first), model_rows(second), seed)
    show(differences(compared))
    for remark in remarks:
        note(remark)
    if json_file is not None:
        with replacing(json_file) as new:
            write_differences(compared, new)


@app.command(rich_help_panel=TEACH)
def benchmark(
    name: Annotated[str, typer.Argument(metavar="BENCHMARK", help="temporal-v1.")],
    models: Models,
    data: Data,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a submission for each model, as JSON.")
    ] = None,
    fill: Fill = None,
) -> None:
    """Score models on a frozen benchmark: a line each, the same for everyone with the same recordings.

    On ESC-50: chronoclap benchmark temporal-v1 compact --data esc50:ESC-50. Check a submission, yours or
    another's, with chronoclap benchmark check FILE.
    """
    from chronoclap.evaluation.benchmark import find_benchmark, line_of, run_benchmark
    from chronoclap.evaluation.kept import digest_of

    chosen = find_benchmark(name)
    events = jobs.read_events(data)
    # What was published has a name; a manifest has only that of its file.
    called = data.partition(":")[0] if ":" in data else Path(data).name
    for model in jobs.open_models(models, fill):
        digest = digest_of(model)
        found = run_benchmark(chosen, model, events, called, digest_of_model=digest, progress=True)
        if out is not None:
            file = out / f"{name}-{called}-{digest[:12]}.json"
            with replacing(file) as new:
                new.write_text(json.dumps(found) + "\n", encoding="utf-8")
            note(f"Submission: {file}")
        typer.echo(line_of(found))


@app.command("benchmark check", rich_help_panel=TEACH)
def check_benchmark(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A submission that benchmark --out wrote.")],
    data: Annotated[
        str | None,
        typer.Option(metavar="MANIFEST", help="The recordings, to see whether the items are theirs."),
    ] = None,
) -> None:
    """Check that the numbers of a submission are those of its items, and its items those of the data."""
    from chronoclap.evaluation.benchmark import line_of
    from chronoclap.evaluation.submissions import check_submission

    found, same = check_submission(file, None if data is None else jobs.read_events(data))
    typer.echo(line_of(found))
    if data is None:
        typer.echo(
            "Its numbers are those of its scores. With --data, items, intervals and chances are checked."
        )
    else:
        typer.echo("It is whole, and its items are those of this data.")
    if same is False:
        note(
            "Its recordings are called as these are, but their files differ: they were encoded otherwise, or "
            "are others. Scores may differ for that alone."
        )

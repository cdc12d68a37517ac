"""Commands that teach a model."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from chronoclap import jobs
from chronoclap.cli.app import TEACH, Seed, Steps, app
from chronoclap.jobs import note


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
            "--data",
            metavar="MANIFEST",
            help="As for eval; may be repeated: --data mine.csv --data foley. Or a folder of shards that "
            "compose has written.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the model and its log go.")],
    captions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE",
            help="Captions that people wrote, for a quarter of the rows: a table with the columns caption "
            "and, where there are recordings, path, such as rewrite writes; or audiocaps:FOLDER and the "
            "like. What contradicts them is written by rule where it is not there. May be repeated.",
            show_default=False,
        ),
    ] = None,
    init: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="The model to start from. The default reads order already, and has heard none.",
        ),
    ] = "compact-reader",
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
    groups_per_step: Annotated[
        int | None,
        typer.Option(
            min=1, help="Groups, of two or three scenes, in a step: the batch.", show_default="the recipe's"
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="At its peak.", show_default="the recipe's")
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="RANK",
            help="Of HTSAT and RoBERTa train only the projections and adapters of this rank (extra: lora).",
        ),
    ] = None,
    checkpointing: Annotated[
        bool,
        typer.Option("--checkpointing", help="Less memory for HTSAT and RoBERTa, and a third slower."),
    ] = False,
    precision: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="bfloat16 is quicker where the processor has it.")
    ] = "float32",
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that compose scenes.", show_default="one per core")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Teach a model order on your recordings; only those of the train split are used."""
    from chronoclap.models import load
    from chronoclap.training import Economy, ShardSet, count_trained, find_stages, train_stages

    start = load(init)
    stages = find_stages(
        recipe,
        start.model.architecture,
        steps=steps,
        groups=groups,
        groups_per_step=groups_per_step,
        learning_rate=learning_rate,
        lora=lora,
    )
    seconds = stages[0].layout.seconds
    material, clips = jobs.read_training_data(data, captions or (), start.rate, seconds)
    total = sum(stage.steps for stage in stages)
    if isinstance(material, ShardSet):
        note(f"{recipe}: {total} steps from {init}, {len(material.paths)} shards of scenes.")
    else:
        classes = len({event.phrase for event in material})
        note(f"{recipe}: {total} steps from {init}, {len(material)} recordings of {classes} kinds of sound.")
    for stage in stages:
        moving, weights = count_trained(stage, start.model)
        note(f"{stage.name} moves {moving:,} of {weights:,} weights ({100 * moving / weights:.1f} %).")
    try:
        economy = Economy(checkpointing, precision)
        train_stages(
            stages,
            start,
            material,
            out,
            clips=clips,
            seed=seed,
            resume=resume,
            workers=workers,
            economy=economy,
        )
    except KeyboardInterrupt:
        again = [*sys.argv, *(() if resume else ("--resume",))]
        note(f"\nStopped. Go on from the last saved state with:\n  {shlex.join(again)}")
        raise typer.Exit(130) from None
    typer.echo(f"The model is in {out}. Test it on recordings that it has not heard:")
    typer.echo(f"  {shlex.join([sys.argv[0], 'eval', str(out), init, '--data', data[0], '--split', 'test'])}")

"""Commands to start with."""

from pathlib import Path
from typing import Annotated

import typer

from chronoclap.cli.app import TRY, Seed, Steps, app


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

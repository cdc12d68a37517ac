"""Commands that prepare data."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer

from chronoclap import jobs
from chronoclap.cli.app import DATA, Data, Seed, Split, app
from chronoclap.errors import DataError
from chronoclap.files import replacing
from chronoclap.jobs import note


@app.command(rich_help_panel=DATA)
def compose(
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder, for the scenes and captions.csv.")],
    n: Annotated[
        int, typer.Option("--n", min=1, help="How many scenes; most come in twos, one for each order.")
    ] = 20,
    split: Split = "train",
    recipe: Annotated[
        str,
        typer.Option(
            metavar="RECIPE",
            help="Whose scenes: tclap, two orders of two events; teminal-b, their overlay too; teminal-a, "
            "one event and two; chrono, all of these and three events.",
        ),
    ] = "tclap",
    layout: Annotated[
        Literal["natural", "plain", "teminal"] | None,
        typer.Option(
            help="natural: gaps, cross-fades and levels as in training; plain: 5 s + 5 s as in T-CLAP; "
            "teminal: as in TeminAL.",
            show_default="the recipe's",
        ),
    ] = None,
    rate: Annotated[int, typer.Option(min=8000, help="Sampling rate of the scenes, in Hz.")] = 32_000,
    shards: Annotated[
        int | None,
        typer.Option(
            min=1, help="Write so many WebDataset tars instead: FLAC and JSON. What is whole is not redone."
        ),
    ] = None,
    shard: Annotated[
        int | None, typer.Option(min=0, help="Write only this one, for one machine of several.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that compose shards.", show_default="one per core")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="Who composes shards: processes here, or a Ray cluster, on folders that all see."),
    ] = "local",
    seed: Seed = 0,
) -> None:
    """Write scenes as training hears them, to listen to, with captions that are true and some that are not.

    captions.csv has the columns path, relation, caption, contradictions, events and onsets (in seconds); the
    shards' JSON has the same. Scene k follows from the data, the seed and k alone, whoever composes it.
    """
    from tqdm.auto import tqdm

    from chronoclap.data.composing import write_scenes, write_shards
    from chronoclap.data.shards import Plan
    from chronoclap.scenes import NATURAL, PLAIN, TEMINAL, Sounds
    from chronoclap.training import find_recipe
    from chronoclap.training.groups import Grouper

    if shards is None and (shard is not None or workers is not None or engine != "local"):
        raise DataError("--shard, --workers and --engine are for --shards: say how many there are.")
    if engine == "ray" and workers == 0:
        raise DataError("--workers 0: Ray needs one at least.")
    if shards is None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already: name a new folder with --out.")
    events = jobs.playable([event for event in jobs.read_events(data) if event.split == split], rate)
    layouts = {"natural": NATURAL, "plain": PLAIN, "teminal": TEMINAL}
    chosen = find_recipe(recipe, layout=layouts.get(layout or ""))
    sounds = Sounds(rate, limit_mb=256)  # of each process
    grouper = Grouper(events, chosen, seed, sounds)
    if shards is not None:
        plan = Plan(n, chosen.scenes_per_group, shards)
        written, seconds = write_shards(grouper, plan, shard, workers, out, engine)
        typer.echo(f"{out}: {written} shards written, {seconds / 3600:.2f} h of sound.")
        typer.echo(f"Check them with: cd {out} && sha256sum --check *.sha256")
        return
    scenes = islice((scene for index in range(n) for scene in grouper.group(index)), n)
    write_scenes(tqdm(scenes, total=n, desc="composing", unit="scene"), sounds, seed, out)
    typer.echo(f"{out}: {n} scenes. Read captions.csv while you listen.")


@app.command("rewrite", rich_help_panel=DATA)
def rewrite_captions(
    data: Annotated[Path, typer.Option(metavar="CSV", help="A table with a column of captions.")],
    out: Annotated[Path, typer.Option(metavar="CSV", help="The new table.")],
    column: Annotated[str, typer.Option(help="The column of captions.")] = "caption",
    llm: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ask a language model first: the base URL of any endpoint that speaks OpenAI's protocol "
            "(vLLM, llama.cpp, Ollama, hosted). CHRONOCLAP_LLM_MODEL names the model, "
            "CHRONOCLAP_LLM_KEY the key.",
        ),
    ] = None,
    together: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 4,
    max_requests: Annotated[int | None, typer.Option(min=1, help="Ask no more often than this.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Ask no more once so many tokens are read and written.")
    ] = None,
) -> None:
    """Contradict captions: "A dog barks, then a man speaks" becomes "A man speaks, then a dog barks".

    The new table has the columns of the old one and contradiction, method (swap, invert, relation, llm) and
    reason, where there is none. What a model writes is checked like the rest; where it fails, its attempt
    stands in a row of its own and the rules write another. Answers are kept beside the table: run again to go
    on.
    """
    from tqdm.auto import tqdm

    from chronoclap.rewriting.language_model import Endpoint, Writer
    from chronoclap.rewriting.rewrite import read_captions, rewrite_all, write_table

    names, rows = read_captions(data, column)
    writer = None
    if llm is not None:
        endpoint = Endpoint.from_environment(llm, max_requests=max_requests, max_tokens=max_tokens)
        writer = Writer(endpoint, out.with_name(f"{out.name}.answers.jsonl"))
    found = rewrite_all([row[column] for row in rows], writer, together)
    with replacing(out) as new, new.open("w", newline="", encoding="utf-8") as file:
        made = write_table(file, names, rows, tqdm(found, total=len(rows), desc="rewriting", unit="caption"))
    if writer is not None:
        note(writer.costs())
    told = ", ".join(f"{count} by {how}" for how, count in made.most_common() if how != "refused")
    typer.echo(
        f"{out}: {len(rows) - made['refused']} of {len(rows)} captions contradicted ({told or 'none'})."
    )
    if made["refused"]:
        typer.echo(f"{made['refused']} have no contradiction; the column reason says why.")


data = typer.Typer(no_args_is_help=True, help="Look after sets of recordings.")
app.add_typer(data, name="data", rich_help_panel=DATA)


@data.command()
def check(
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="As for train and eval.")],
    out: Annotated[
        Path, typer.Option(metavar="CSV", help="The table of what is wrong; a plot is put beside it.")
    ] = Path("check.csv"),
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="Whose ear doubts names; none: do not ask.")
    ] = "compact-base",
) -> None:
    """Decode every recording once and report which are unreadable, silent, clipped, of a lower rate than they
    say, there twice or in two splits, and which sound like another name."""
    from tqdm.auto import tqdm

    from chronoclap.data.check import (
        PROBLEMS,
        draw,
        findings,
        hear_all,
        heard_sounds,
        misnamed,
        write_findings,
    )
    from chronoclap.models import load

    events = jobs.read_events(manifest)
    total = len({event.place for event in events})
    heard = list(tqdm(hear_all(events), total=total, desc="decoding", unit="file"))
    if not heard:
        raise DataError(f"{manifest}: synthetic sounds only; there is nothing to check.")
    found = findings(heard)
    good = [one for one in heard if not one.trouble]
    if model != "none" and good:
        clap = load(model)
        names = sorted({event.phrase for event in events})
        sounds = clap.embed_audio(heard_sounds(good, clap.rate), progress=True)
        texts = clap.embed_text([f"this is a sound of {name}" for name in names])
        share, doubtful = misnamed(good, sounds, names, texts)
        found += doubtful
        note(f"{share:.1%} of the names are not among the five that {clap.name} finds nearest: listen there.")
    with replacing(out) as new, new.open("w", newline="", encoding="utf-8") as file:
        write_findings(file, found)
    plot = out.with_suffix(".png")
    with replacing(plot) as new:
        draw(heard, found, new)
    for problem in PROBLEMS:
        several = [one for one in found if one.problem == problem]
        if several:
            typer.echo(
                f"{len(several):6} {problem}, such as {several[0].event.recording}: {several[0].detail}"
            )
    typer.echo(f"{len(heard)} recordings, {len(found)} findings: {out}, {plot}")


@data.command(epilog="For example: chronoclap data fetch esc50 --out corpora")
def fetch(
    corpus: Annotated[
        str | None,
        typer.Argument(
            metavar="CORPUS",
            help="Its name, such as esc50; without one: list what there is, how large, and its licence.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to put the corpus's folder.")] = Path(),
) -> None:
    """Download a corpus from its publisher and unpack it, so that --data esc50:FOLDER reads it.

    Files are checked against the publisher's checksums. What Ctrl-C or the network broke off goes on when the
    same command is run again; what is there is not downloaded twice. Keep to the corpus's licence.
    """
    from chronoclap.data.fetch import fetch_corpus, listing, next_step

    if corpus is None:
        typer.echo(f"Corpora that can be fetched:\n{listing()}")
        return
    try:
        folder = fetch_corpus(corpus, out, note)
    except KeyboardInterrupt:
        note("\nStopped. What came so far is kept: run the same command again to go on.")
        raise typer.Exit(130) from None
    typer.echo(next_step(corpus, folder))

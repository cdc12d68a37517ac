"""Commands that use a model."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from chronoclap import jobs
from chronoclap.cli.app import USE, Files, Json, Model, app
from chronoclap.errors import DataError
from chronoclap.files import replacing
from chronoclap.jobs import note


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
        with replacing(json_file) as new:
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
    engine: Annotated[
        Literal["torch", "openvino"],
        typer.Option(help="What computes HTSAT: openvino (extra: openvino) is the quicker."),
    ] = "torch",
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(
            help="bfloat16 is quicker where the processor has it, and moves numbers by about 0.001."
        ),
    ] = "float32",
) -> None:
    """Turn recordings and texts into unit vectors: the better two fit, the higher their dot product.

    The file holds the arrays paths and vectors, texts and text_vectors, and model; numpy.load reads it.
    """
    import numpy as np

    from chronoclap.models import load

    texts = [line for given in text or () for line in jobs.lines_or_items(given)]
    if not files and not texts:
        raise DataError("There is nothing to embed: name recordings, a folder, or a --text.")
    clap = load(model, engine=engine, precision=precision)
    text_vectors = clap.embed_text(texts)  # first: a text that is refused must not cost hours of listening
    paths, vectors = jobs.embed_files(clap, files) if files else ([], np.zeros((0, clap.dim), np.float32))
    jobs.write_embeddings(out, clap.name, paths, vectors, texts, text_vectors)
    typer.echo(
        f"{out}: {len(paths)} recordings and {len(texts)} texts, {clap.dim} numbers each, by {clap.name}."
    )


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


export = typer.Typer(no_args_is_help=True, help="Write a model in a form that runs without torch.")
app.add_typer(export, name="export", rich_help_panel=USE)


@export.command()
def onnx(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")],
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A shipped model or a directory.")
    ] = "compact",
) -> None:
    """Write both towers as ONNX files, from samples and token ids to vectors, checked against the model.

    examples/embed_with_onnxruntime.py in the source shows how to use them without torch or chronoclap.
    """
    from chronoclap.models import load
    from chronoclap.models.export import export_onnx

    note("Exporting, and comparing the vectors (about a minute) ...")
    apart = export_onnx(load(model), out)
    for file in ("audio.onnx", "text.onnx"):
        typer.echo(f"{out / file}: {(out / file).stat().st_size / 1e6:.0f} MB")
    typer.echo(
        f"Their vectors differ from the model's by at most {apart['sounds']:.0e} (sounds) and "
        f"{apart['texts']:.0e} (texts)."
    )

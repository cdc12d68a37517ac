"""Checkpoints as laion_clap and msclap publish them become directories of ours."""

from pathlib import Path

from chronoclap.models.clap import Clap
from chronoclap.models.htsat_roberta.laion import Converted, convert_laion
from chronoclap.models.htsat_roberta.tokens import find_tokenizer
from chronoclap.models.msclap.convert import convert_msclap
from chronoclap.models.pickled import read_pickled


def convert(path: Path, out: Path, tokenizer: str | None = None) -> Converted:
    """Read a `.pt` of laion_clap or a `.pth` of msclap and write a checkpoint directory.

    Args:
        path: the file; it is read without running anything it may hold.
        out: the directory.
        tokenizer: directory of the text tower's tokenizer, which such files lack, or its name on the Hugging
            Face hub; None: the one that the checkpoint was trained with, from the hub.

    Raises:
        ModelError: the file cannot be read, or is of another architecture, which the text names.
    """
    state = read_pickled(path)
    microsoft = any(name.startswith(("audio_encoder.", "caption_encoder.", "clap.")) for name in state)
    if tokenizer is None and microsoft:
        bert = any(name.startswith("caption_encoder.base.encoder.layer.") for name in state)
        tokenizer = "bert-base-uncased" if bert else "gpt2"
    directory = find_tokenizer(tokenizer or "roberta-base")
    converted = (convert_msclap if microsoft else convert_laion)(state, path, directory)
    Clap(converted.model, path.stem, {"converted_from": path.name}).save(out)
    return converted

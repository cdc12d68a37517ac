"""Checkpoints of Microsoft's CLAP as directories of ours: configuration, safetensors, tokenizer."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from chronoclap.audio import MelConfig
from chronoclap.errors import ModelError
from chronoclap.files import replaced_directory
from chronoclap.models.checkpoint import (
    read_json,
    read_tokenizer_file,
    read_weights,
    write_json,
)
from chronoclap.models.msclap.model import MsClap
from chronoclap.models.policy import AudioPolicy

FORMAT = 1


def read_msclap(directory: Path) -> tuple[MsClap, dict[str, Any]]:
    """Read a directory that `write_msclap` wrote.

    Returns:
        The model in evaluation mode with float32 weights, and what `config.json` says of it.

    Raises:
        ModelError: a file is missing, damaged or does not fit; the text names it.
    """
    info = read_json(directory / "config.json")
    if info.get("format") != FORMAT:
        raise ModelError(
            f"{directory}: format {info.get('format')!r}, this version reads {FORMAT}: upgrade it."
        )
    try:
        config, policy = info.pop("config"), info.pop("policy")
        policy = AudioPolicy(**{**policy, "mel": MelConfig(**policy["mel"])})
        model = MsClap(config, read_tokenizer_file(directory / "tokenizer.json"), policy)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{directory / 'config.json'}: not a configuration of chronoclap ({error})."
        ) from error
    fit(model, read_weights(directory / "model.safetensors"), directory)
    return model.eval(), info


def write_msclap(model: MsClap, directory: Path, info: dict[str, Any]) -> None:
    """Write such a directory, complete or not at all."""
    policy = asdict(model.policy)
    with replaced_directory(directory) as new:
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        save_file(state, new / "model.safetensors")
        model.tokenizer.save(str(new / "tokenizer.json"))
        described = {**info, "config": model.config, "policy": policy}
        write_json(new / "config.json", {"architecture": model.architecture, "format": FORMAT, **described})


def fit(model: MsClap, state: dict[str, Tensor], source: Path) -> None:
    """Give a model its weights.

    Raises:
        ModelError: some are missing, unknown or of another shape.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"{source}: the weights do not fit the configuration: {error}") from error

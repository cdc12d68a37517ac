"""A checkpoint is a directory: `config.json`, weights as safetensors, a tokenizer.

This module finds it and hands it to the architecture that it is of; the compact model's own form is here too.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from chronoclap.errors import ModelError
from chronoclap.files import replaced_directory
from chronoclap.models.compact import CompactConfig, CompactModel
from chronoclap.models.towers import Towers

SHIPPED = Path(__file__).parent / "weights"
FORMAT = 1


def shipped_names() -> list[str]:
    """Names that `load` finds inside the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def resolve(name: str | os.PathLike[str]) -> Path:
    """The directory of a path, a shipped name or a name on the Hugging Face hub, which is fetched.

    Raises:
        ModelError: none of these; the text lists what is shipped.
    """
    path = Path(name)
    for place in (path, SHIPPED / path):
        if (place / "config.json").is_file():
            return place
    shipped = f"Shipped: {', '.join(shipped_names())}. "
    if path.is_file():
        raise ModelError(
            f"{path}: a file; if it is a checkpoint of laion_clap or msclap, run `chronoclap convert` on it."
        )
    # "runs/mine" where there is a folder "runs" is a slip of the pen, not a model of the user "runs".
    if re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) and not path.parent.exists():
        fetched = fetch(str(name), ("*.json", "*.safetensors", "merges.txt"), shipped)
        # Twice the weight, and only there in older repositories.
        return (
            fetched
            if any(fetched.glob("*.safetensors"))
            else fetch(str(name), ("pytorch_model.bin",), shipped)
        )
    raise ModelError(f"{name}: no checkpoint of that name. {shipped}A directory must hold config.json.")


def fetch(name: str, patterns: tuple[str, ...], hint: str = "") -> Path:
    """The directory of what the Hugging Face hub has under a name, fetched once.

    Raises:
        ModelError: it has nothing there, or cannot be reached; `hint` stands in the text.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except Exception as error:  # each way in which a network fails has its own class there
        raise ModelError(
            f"{name}: not here, and the Hugging Face hub did not give it "
            f"({type(error).__name__}: {str(error).splitlines()[0]}). {hint}"
            "Without a network, give the path of a directory."
        ) from error


def read_model(directory: Path) -> tuple[Towers, dict[str, Any]]:
    """Build the model that a directory describes.

    Returns:
        The model in evaluation mode with float32 weights, and what the checkpoint says of itself.

    Raises:
        ModelError: unreadable or not fitting files; the text names the file.
    """
    path = directory / "config.json"
    info = read_json(path)
    if info.get("model_type") == "clap":
        from chronoclap.models.htsat_roberta import read_htsat_roberta

        return read_htsat_roberta(directory)
    if info.get("architecture") == "msclap":
        from chronoclap.models.msclap import read_msclap

        return read_msclap(directory)
    if "model_type" in info:
        raise ModelError(f"{path}: a {info['model_type']!r}, not a CLAP; transformers' type is 'clap'.")
    return _read_compact(directory, info)


def write_checkpoint(model: Towers, directory: Path, info: dict[str, Any]) -> None:
    """Write a model of any architecture, with more entries of what it is."""
    if isinstance(model, CompactModel):
        return write_model(model, directory, info)
    from chronoclap.models.htsat_roberta import HtsatRoberta, write_htsat_roberta
    from chronoclap.models.msclap import MsClap, write_msclap

    if isinstance(model, HtsatRoberta):
        return write_htsat_roberta(model, directory, info)
    assert isinstance(model, MsClap)
    return write_msclap(model, directory, info)


def _read_compact(directory: Path, info: dict[str, Any]) -> tuple[CompactModel, dict[str, Any]]:
    path = directory / "config.json"
    try:
        config = CompactConfig.from_dict(info.pop("config"))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a chronoclap configuration ({error}).") from error
    if info.get("architecture") != "compact" or info.get("format") != FORMAT:
        raise ModelError(
            f"{path}: architecture {info.get('architecture')!r}, format {info.get('format')!r}; "
            f"this version reads 'compact', format {FORMAT}. Upgrade chronoclap."
        )
    state = read_weights(directory / "model.safetensors")
    tokenizer = directory / "tokenizer.json"
    if shared := info.pop("base", None):
        # A checkpoint that shares its frozen towers with a shipped one stores only what differs.
        base = SHIPPED / shared["name"]
        if not base.is_dir() or digest(base / "model.safetensors") != shared["sha256"]:
            raise ModelError(
                f"{directory}: its weights complete those of {shared['name']!r}, which this "
                "installation does not have in the same version."
            )
        state = read_weights(base / "model.safetensors") | state
        tokenizer = base / "tokenizer.json"
    model = CompactModel(config, load_tokenizer(tokenizer, config.text.max_tokens))
    state = {k: v for k, v in state.items() if k in model.state_dict()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"{directory}: the weights do not fit config.json: {error}") from error
    return model.eval(), info


def load_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """A tokenizer that pads to the longest and cuts at `max_tokens`."""
    tokenizer = read_tokenizer_file(path)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def read_tokenizer_file(path: Path) -> Tokenizer:
    """The tokenizer of a `tokenizer.json`, as it was saved.

    Raises:
        ModelError: the file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"{path}: missing; a checkpoint carries its tokenizer.")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exceptions
        raise ModelError(f"{path}: damaged, no tokenizer ({error}); fetch the checkpoint again.") from error


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors file, those of floating point as float32.

    Raises:
        ModelError: the file is damaged, or holds what is not a number.
    """
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read as safetensors ({error}).") from error
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    check_numbers(state, path)
    return state


def check_numbers(state: dict[str, torch.Tensor], path: Path) -> None:
    """Refuse weights that are not numbers: one spoils every embedding."""
    if bad := [name for name, t in state.items() if t.is_floating_point() and not torch.isfinite(t).all()]:
        more = f" and {len(bad) - 1} others" if len(bad) > 1 else ""
        raise ModelError(
            f"{path}: NaN or infinity in {bad[0]}{more}; a training that diverged, or a bad copy."
        )


def write_model(
    model: CompactModel, directory: Path, info: dict[str, Any], *, base: str | None = None, half: bool = False
) -> None:
    """Write a checkpoint directory, complete or not at all.

    Args:
        model: the model.
        directory: made if need be; the files of a checkpoint already there are replaced, others stay.
        info: more entries for `config.json`, such as the name and the recipe.
        base: name of a shipped checkpoint; tensors equal to its own are left out.
        half: round to float16; otherwise only what float16 holds exactly is stored so.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    state = {n: t.half() if half or torch.equal(t.half().float(), t) else t for n, t in state.items()}
    info = {"architecture": "compact", "format": FORMAT, **info, "config": model.config.to_dict()}
    if base is not None:
        file = SHIPPED / base / "model.safetensors"
        theirs = read_weights(file)
        state = {n: t for n, t in state.items() if n not in theirs or not torch.equal(theirs[n], t.float())}
        info["base"] = {"name": base, "sha256": digest(file)}
    with replaced_directory(directory) as new:
        save_file(state, new / "model.safetensors")
        write_json(new / "config.json", info)
        if base is None:
            model.tokenizer.save(str(new / "tokenizer.json"))
    if base is not None:
        (directory / "tokenizer.json").unlink(missing_ok=True)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: not a readable JSON object ({error}).") from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """A JSON object to a new file."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

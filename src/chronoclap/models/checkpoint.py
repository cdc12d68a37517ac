"""A checkpoint is a directory: `config.json`, `model.safetensors`, `tokenizer.json`."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from chronoclap.errors import ModelError
from chronoclap.models.compact import CompactConfig, CompactModel

SHIPPED = Path(__file__).parent / "weights"
FORMAT = 1


def shipped_names() -> list[str]:
    """Names that `load` finds inside the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def resolve(name: str | os.PathLike[str]) -> Path:
    """The directory of a shipped name or a path.

    Raises:
        ModelError: neither; the text lists what is shipped.
    """
    shipped = SHIPPED / str(name)
    for path in (Path(name), shipped):
        if (path / "config.json").is_file():
            return path
    names = ", ".join(shipped_names())
    raise ModelError(
        f"{name}: no checkpoint of that name. Shipped: {names}. A directory must hold config.json."
    )


def read_model(directory: Path) -> tuple[CompactModel, dict[str, Any]]:
    """Build the model that a directory describes.

    Returns:
        The model in evaluation mode with float32 weights, and what `config.json` says beside the
        architecture.

    Raises:
        ModelError: unreadable or not fitting files; the text names the file.
    """
    path = directory / "config.json"
    try:
        info = json.loads(path.read_text())
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
    if not path.is_file():
        raise ModelError(f"{path}: missing; a checkpoint carries its tokenizer.")
    try:
        json.loads(content := path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: damaged, it is not JSON ({error}); fetch the checkpoint again.") from error
    tokenizer = Tokenizer.from_str(content)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors file as float32."""
    try:
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read as safetensors ({error}).") from error


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
    directory.parent.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    state = {n: t.half() if half or torch.equal(t.half().float(), t) else t for n, t in state.items()}
    info = {"architecture": "compact", "format": FORMAT, **info, "config": model.config.to_dict()}
    if base is not None:
        file = SHIPPED / base / "model.safetensors"
        theirs = read_weights(file)
        state = {n: t for n, t in state.items() if n not in theirs or not torch.equal(theirs[n], t.float())}
        info["base"] = {"name": base, "sha256": digest(file)}
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        save_file(state, new / "model.safetensors")
        (new / "config.json").write_text(json.dumps(info, indent=1) + "\n")
        if base is None:
            model.tokenizer.save(str(new / "tokenizer.json"))
        if base is not None:
            (directory / "tokenizer.json").unlink(missing_ok=True)
        directory.mkdir(exist_ok=True)
        # The configuration last: a directory with one is whole.
        for file in sorted(new.iterdir(), key=lambda file: file.name == "config.json"):
            file.chmod(0o644)
            file.replace(directory / file.name)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

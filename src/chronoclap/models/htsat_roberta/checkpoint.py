"""Checkpoints of HTSAT and RoBERTa: directories as transformers reads and writes them."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import ClapConfig, ClapModel

from chronoclap.errors import ModelError
from chronoclap.files import replaced_directory
from chronoclap.models.checkpoint import (
    check_numbers,
    read_json,
    read_weights,
    write_json,
)
from chronoclap.models.htsat_roberta.model import HtsatRoberta
from chronoclap.models.htsat_roberta.tokens import read_tokenizer, tokenizer_settings
from chronoclap.models.pickled import read_pickled
from chronoclap.models.policy import AudioPolicy

OURS = "chronoclap.json"
"""Beside transformers' own files: the name, how it was trained, and what its extractor cannot say."""


def read_htsat_roberta(directory: Path) -> tuple[HtsatRoberta, dict[str, Any]]:
    """Read a directory as `ClapModel.save_pretrained` and `ClapProcessor.save_pretrained` write it.

    Returns:
        The model in evaluation mode with float32 weights, and what `chronoclap.json` says, if there is one.

    Raises:
        ModelError: a file is missing, damaged or does not fit; the text names it. No code is ever loaded.
    """
    clap = build(read_json(directory / "config.json"), directory / "config.json")
    fit_weights(clap, read_state(directory), directory)
    info = read_json(directory / OURS) if (directory / OURS).is_file() else {}
    try:
        policy = AudioPolicy.from_extractor(read_extractor(directory))
    except ModelError as error:
        raise ModelError(f"{directory}: {error}") from error
    fused = clap.config.audio_config.enable_fusion
    if policy.fused != fused:
        raise ModelError(
            f"{directory}: the model is {'' if fused else 'not '}fused, and its extractor has the filters of "
            f'the other kind: "truncation" must be "{"fusion" if fused else "rand_trunc"}".'
        )
    model = HtsatRoberta(clap, read_tokenizer(directory, clap.config.text_config), policy)
    model.change_policy(None, info.pop("int16", None))
    return model.eval(), info


def write_htsat_roberta(model: HtsatRoberta, directory: Path, info: dict[str, Any]) -> None:
    """Write such a directory, complete or not at all."""
    with replaced_directory(directory) as new:
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.clap.state_dict().items()}
        save_file(state, new / "model.safetensors", metadata={"format": "pt"})
        model.clap.config.architectures = ["ClapModel"]
        model.clap.config.save_pretrained(new)
        write_json(new / "preprocessor_config.json", model.policy.to_extractor())
        tokenizer, settings = tokenizer_settings(model.tokenizer)
        tokenizer.save(str(new / "tokenizer.json"))
        write_json(new / "tokenizer_config.json", settings)
        write_json(new / OURS, {**info, "int16": model.policy.int16})


def build(config: dict[str, Any], source: Path) -> ClapModel:
    """The model of a configuration, with no weights yet: they are on the "meta" device.

    Raises:
        ModelError: the configuration is not a CLAP's.
    """
    try:
        with torch.device("meta"):
            return ClapModel(ClapConfig.from_dict(config))
    except Exception as error:  # transformers refuses values by exceptions of many kinds
        raise ModelError(f"{source}: not the configuration of a CLAP: {error}") from error


def fit_weights(clap: ClapModel, state: dict[str, Tensor], source: Path) -> None:
    """Give a model from `build` its weights.

    Raises:
        ModelError: some are missing, unknown, or of another shape than the configuration says.
    """
    wanted = clap.state_dict()
    state = {name: t for name, t in (_derived(clap) | state).items() if not name.endswith("attn_mask")}
    groups = {
        "missing": wanted.keys() - state.keys(),
        "unknown": state.keys() - wanted.keys(),
        "of another shape": {n for n in wanted.keys() & state.keys() if wanted[n].shape != state[n].shape},
    }
    if any(groups.values()):
        said = [f"{len(names)} {what}, such as {min(names)}" for what, names in groups.items() if names]
        raise ModelError(f"{source}: the weights do not fit the configuration: {'; '.join(said)}.")
    clap.load_state_dict(state, assign=True)


def _derived(clap: ClapModel) -> dict[str, Tensor]:
    """What follows from the sizes; older files leave it out."""
    text = clap.config.text_config
    positions = torch.arange(text.max_position_embeddings)[None]
    derived = {
        "text_model.embeddings.position_ids": positions,
        "text_model.embeddings.token_type_ids": torch.zeros_like(positions),
    }
    for name, module in clap.named_modules():
        if hasattr(module, "create_relative_position_index"):
            derived[f"{name}.relative_position_index"] = module.create_relative_position_index()
        if hasattr(module, "num_batches_tracked"):
            derived[f"{name}.num_batches_tracked"] = torch.zeros((), dtype=torch.long)
    return derived


def read_state(directory: Path) -> dict[str, Tensor]:
    """The weights of a directory: safetensors, in one file or several, or else a `.bin` of tensors only."""
    if (index := directory / "model.safetensors.index.json").is_file():
        files = sorted(set(read_json(index).get("weight_map", {}).values()))
        return {name: tensor for file in files for name, tensor in read_weights(directory / file).items()}
    weights, pickled = directory / "model.safetensors", directory / "pytorch_model.bin"
    if pickled.is_file() and not weights.is_file():
        state = read_pickled(pickled)
        check_numbers(state, pickled)
        return state
    return read_weights(weights)


def read_extractor(directory: Path) -> dict[str, Any]:
    """The settings of the feature extractor: of its own file, or within the processor's, where transformers 5
    writes them."""
    if (file := directory / "preprocessor_config.json").is_file():
        return read_json(file)
    if (file := directory / "processor_config.json").is_file():
        return dict(read_json(file).get("feature_extractor", {}))
    raise ModelError(
        "preprocessor_config.json is missing: it says how recordings become input. "
        "Save the checkpoint with ClapProcessor.save_pretrained too."
    )

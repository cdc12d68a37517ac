"""Checkpoints of laion_clap: recognised by their shapes, and renamed to what transformers calls things."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chronoclap.audio import LAION_MEL, LogMel
from chronoclap.errors import ModelError
from chronoclap.models.checkpoint import check_numbers
from chronoclap.models.htsat_roberta.checkpoint import build, fit_weights
from chronoclap.models.htsat_roberta.model import HtsatRoberta
from chronoclap.models.htsat_roberta.tokens import read_tokenizer
from chronoclap.models.policy import FUSED_MEL, AudioPolicy
from chronoclap.models.windowed import WindowedModel

SIZES = {96: "HTSAT-tiny", 128: "HTSAT-base", 256: "HTSAT-large"}

_AUDIO = r"audio_branch\."
_BLOCK = _AUDIO + r"layers\.(\d+)\.blocks\.(\d+)\."
_IN_BLOCK = r"audio_model.audio_encoder.layers.\1.blocks.\2."
_RENAMED = [
    (_BLOCK + "norm1", _IN_BLOCK + "layernorm_before"),
    (_BLOCK + "norm2", _IN_BLOCK + "layernorm_after"),
    (_BLOCK + r"attn\.proj", _IN_BLOCK + "attention.output.dense"),
    (_BLOCK + r"attn\.", _IN_BLOCK + "attention.self."),
    (_BLOCK + r"mlp\.fc1", _IN_BLOCK + "intermediate.dense"),
    (_BLOCK + r"mlp\.fc2", _IN_BLOCK + "output.dense"),
    (_AUDIO + r"bn0\.", "audio_model.audio_encoder.batch_norm."),
    (_AUDIO, "audio_model.audio_encoder."),
    (r"text_branch\.", "text_model."),
    (r"(audio|text)_projection\.0\.", r"\1_projection.linear1."),
    (r"(audio|text)_projection\.2\.", r"\1_projection.linear2."),
]
# What no embedding needs: the tagging head, the front end as layers, heads of another loss, and what follows
# from sizes.
_DROPPED = re.compile(
    r"audio_branch\.(tscam_conv|head|spectrogram_extractor|logmel_extractor)\."
    r"|.*(\.attn_mask|relative_position_index|position_ids|token_type_ids)$|(audio|text)_transform\."
)


class Converted(NamedTuple):
    """A published checkpoint in the form that everything else reads."""

    model: WindowedModel
    architecture: str
    """In words: which towers."""
    dropped: list[str]
    """Names of tensors that embeddings do not need."""


def convert_laion(state: dict[str, Tensor], path: Path, tokenizer: Path) -> Converted:
    """The weights of a `.pt` of laion_clap with HTSAT and RoBERTa: general, music and speech, fused or not.

    Args:
        state: from `read_pickled`.
        path: where they are from.
        tokenizer: directory of RoBERTa's tokenizer, which these files lack: roberta-base's.

    Raises:
        ModelError: another architecture, which the text names, or weights that do not fit.
    """
    _refuse_others(state, path)
    check_numbers(state, path)
    config, architecture = recognise(state)
    fused = config["audio_config"]["enable_fusion"]
    policy = AudioPolicy(mel=FUSED_MEL if fused else LAION_MEL, fill="repeatpad")
    _check_front_end(state, path)
    renamed = rename(state)
    clap = build(config, path)
    fit_weights(clap, renamed, path)
    text = clap.config.text_config
    tokens = read_tokenizer(tokenizer, text)
    tokens.enable_truncation(77)  # where laion_clap cuts
    dropped = sorted(name for name in state if _DROPPED.match(name))
    return Converted(HtsatRoberta(clap, tokens, policy).eval(), architecture, dropped)


def recognise(state: dict[str, Tensor]) -> tuple[dict[str, Any], str]:
    """The configuration, as transformers' `ClapConfig` takes it, that gives these shapes; and its name."""
    htsat = htsat_config(state)
    embeddings = "text_branch.embeddings."
    vocabulary, hidden = state[f"{embeddings}word_embeddings.weight"].shape
    layers = {int(m[1]) for name in state if (m := re.match(r"text_branch\.encoder\.layer\.(\d+)\.", name))}
    text = {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": len(layers),
        "num_attention_heads": hidden // 64,
        "intermediate_size": state["text_branch.encoder.layer.0.intermediate.dense.weight"].shape[0],
        "max_position_embeddings": state[f"{embeddings}position_embeddings.weight"].shape[0],
        # RoBERTa's own; transformers' default for CLAP is another, which moves embeddings by 1e-4.
        "layer_norm_eps": 1e-5,
    }
    dim = state["audio_projection.2.weight"].shape[0]
    width = htsat["patch_embeds_hidden_size"]
    size = SIZES.get(width, f"an HTSAT of width {width}")
    name = f"{size}{', fused' if htsat['enable_fusion'] else ''}, with RoBERTa of {len(layers)} layers"
    return {"audio_config": htsat, "text_config": text, "projection_dim": dim}, name


def htsat_config(state: dict[str, Tensor]) -> dict[str, Any]:
    """What transformers' `ClapAudioConfig` needs to know of the HTSAT that these weights are of."""
    audio = "audio_branch."
    found = {(int(m[1]), int(m[2])) for name in state if (m := re.match(_BLOCK, name))}
    stages = 1 + max(stage for stage, _ in found)
    tables = [
        state[f"{audio}layers.{stage}.blocks.0.attn.relative_position_bias_table"] for stage in range(stages)
    ]
    fused = f"{audio}patch_embed.mel_conv2d.weight" in state
    return {
        "patch_embeds_hidden_size": state[f"{audio}patch_embed.proj.weight"].shape[0],
        "hidden_size": state[f"{audio}norm.weight"].shape[0],
        "depths": [len({block for s, block in found if s == stage}) for stage in range(stages)],
        "num_attention_heads": [table.shape[1] for table in tables],
        "window_size": (round(tables[0].shape[0] ** 0.5) + 1) // 2,
        "num_mel_bins": state[f"{audio}bn0.weight"].shape[0],
        "enable_fusion": fused,
        "fusion_type": "aff_2d" if fused else None,
    }


def rename(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that embeddings need, by transformers' names."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if _DROPPED.match(name):
            continue
        new = next((re.sub(f"^{old}", to, name) for old, to in _RENAMED if re.match(old, name)), name)
        if ".qkv." in new:
            for part, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                renamed[new.replace("qkv", part)] = third.contiguous()
        else:
            renamed[new] = tensor
    return renamed


def _refuse_others(state: dict[str, Tensor], path: Path) -> None:
    names = state.keys()
    if any(name.startswith("audio_branch.conv_block") for name in names):
        what = "a laion_clap with a Cnn (PANN) for sounds"
    elif not any(name.startswith("audio_branch.layers.") for name in names):
        what = "no CLAP: no name begins with audio_branch.layers (laion_clap's) or audio_encoder (msclap's)"
    elif any(name.startswith(("text_branch.resblocks", "positional_embedding")) for name in names):
        what = "a laion_clap with CLIP's transformer for texts"
    elif any(name.startswith(("text_branch.shared", "text_branch.decoder")) for name in names):
        what = "a laion_clap with BART for texts"
    elif state["text_branch.embeddings.position_embeddings.weight"].shape[0] == 512:
        what = "a laion_clap with BERT for texts"
    else:
        return
    raise ModelError(f"{path}: {what}. What is read is HTSAT (tiny, base, large) with RoBERTa.")


def _check_front_end(state: dict[str, Tensor], path: Path) -> None:
    """The unfused path computes its spectrogram with layers of the network: are they what ours computes?"""
    filters = state.get("audio_branch.logmel_extractor.melW")
    if filters is None:
        return
    ours = torch.zeros(LAION_MEL.n_fft // 2 + 1, LAION_MEL.n_mels)
    mel = LogMel(LAION_MEL)
    ours[mel.heard] = mel.filters
    if filters.shape != ours.shape or not torch.allclose(filters, ours, atol=1e-6):
        raise ModelError(
            f"{path}: its mel filters, {tuple(filters.shape)}, are not those of a window of 1,024 samples at "
            "48 kHz from 50 to 14,000 Hz; no other front end of laion_clap is read."
        )

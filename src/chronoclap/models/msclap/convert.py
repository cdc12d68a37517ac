"""Published checkpoints of Microsoft's CLAP, recognised by their names and shapes."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from chronoclap.audio import LAION_MEL
from chronoclap.errors import ModelError
from chronoclap.models.checkpoint import check_numbers, read_tokenizer_file
from chronoclap.models.htsat_roberta.laion import Converted, htsat_config, rename
from chronoclap.models.msclap.checkpoint import fit
from chronoclap.models.msclap.model import MsClap
from chronoclap.models.policy import AudioPolicy

_MEL_2022 = replace(LAION_MEL, rate=44_100, hop_length=320)
# The network of 2023 hears 44.1 kHz through the filters of its HTSAT's first home, which had 32 kHz.
_MEL_2023 = replace(_MEL_2022, rate=32_000)
POLICIES = {
    "cnn14": AudioPolicy(44_100, _MEL_2022, window=5.0, window_hop=2.5, fill="repeat"),
    "htsat": AudioPolicy(44_100, _MEL_2023, window=7.0, window_hop=3.5, fill="repeat"),
}
LONGEST = {"bert": 100, "gpt2": 77}
"""Tokens at which msclap cuts texts."""

_DROPPED = re.compile(
    r"audio_encoder\.base\.(htsat\.)?(fc_audioset|spectrogram_extractor|logmel_extractor|tscam_conv|head)\."
    r"|.*(\.attn\.(masked_)?bias|position_ids|relative_position_index|\.attn_mask)$"
)


def convert_msclap(state: dict[str, Tensor], path: Path, tokenizer: Path) -> Converted:
    """The weights of `CLAP_weights_2022.pth` or `_2023.pth` as a model.

    Args:
        state: from `read_pickled`.
        path: where they are from.
        tokenizer: directory of the tokenizer of the text tower: bert-base-uncased's (2022) or gpt2's (2023).

    Raises:
        ModelError: another architecture, which the text names, or weights that do not fit.
    """
    if any(name.startswith(("clap.", "clap_project.")) for name in state):
        raise ModelError(f"{path}: Microsoft's captioner (clapcap); its CLAP itself is what is read.")
    check_numbers(state, path)
    audio = "cnn14" if "audio_encoder.base.conv_block1.conv1.weight" in state else "htsat"
    text = "bert" if any(n.startswith("caption_encoder.base.encoder.layer.") for n in state) else "gpt2"
    try:
        config = _recognise(state, audio, text)
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"{path}: not the towers of Microsoft's CLAP of 2022 (Cnn14 and BERT) or 2023 (HTSAT and GPT-2): "
            f"{error} is missing."
        ) from error
    tokens = read_tokenizer_file(tokenizer / "tokenizer.json")
    pad = tokens.token_to_id("[PAD]" if text == "bert" else "!")
    if pad is None or tokens.get_vocab_size() > config["text"]["vocab_size"]:
        raise ModelError(f"{tokenizer}: not the tokenizer of {text}, which {path.name} needs.")
    tokens.enable_padding(pad_id=pad, pad_token="[PAD]" if text == "bert" else "!")
    tokens.enable_truncation(LONGEST[text])
    model = MsClap(config, tokens, POLICIES[audio])
    wanted = model.state_dict()
    renamed = {new: t for name, t in state.items() if (new := _rename(name, text)) is not None}
    if audio == "htsat":
        base = "audio_encoder.base.htsat."
        heard = rename({n.replace(base, "audio_branch."): t for n, t in state.items() if n.startswith(base)})
        renamed |= {name.replace("audio_model.", "htsat."): tensor for name, tensor in heard.items()}
    derived = {
        n: t for n, t in wanted.items() if n.endswith(("relative_position_index", "num_batches_tracked"))
    }
    fit(model, derived | renamed, path)
    dropped = sorted(name for name in state if _DROPPED.match(name))
    words = {"cnn14": "Cnn14", "htsat": "HTSAT", "bert": "BERT", "gpt2": "GPT-2"}
    return Converted(model.eval(), f"Microsoft's CLAP with {words[audio]} and {words[text]}", dropped)


def _recognise(state: dict[str, Tensor], audio: str, text: str) -> dict[str, Any]:
    base = "audio_encoder.base."
    if audio == "cnn14":
        count = sum(
            re.fullmatch(r"audio_encoder\.base\.conv_block\d\.conv1\.weight", name) is not None
            for name in state
        )
        widths = [state[f"{base}conv_block{k + 1}.conv1.weight"].shape[0] for k in range(count)]
        out, mels = state[f"{base}fc1.weight"].shape[0], state[f"{base}bn0.weight"].shape[0]
        hears: dict[str, Any] = {"kind": audio, "mels": mels, "out": out, "widths": widths}
    else:
        old = f"{base}htsat."
        branch = {name.replace(old, "audio_branch."): t for name, t in state.items() if name.startswith(old)}
        hears = {"kind": audio, **htsat_config(branch)}
    base = "caption_encoder.base."
    if text == "bert":
        words, hidden = state[f"{base}embeddings.word_embeddings.weight"].shape
        layers = {
            m[1] for n in state if (m := re.match(r"caption_encoder\.base\.encoder\.layer\.(\d+)\.", n))
        }
        reads: dict[str, Any] = {
            "vocab_size": words,
            "hidden_size": hidden,
            "num_hidden_layers": len(layers),
            "num_attention_heads": hidden // 64,
            "intermediate_size": state[f"{base}encoder.layer.0.intermediate.dense.weight"].shape[0],
            "max_position_embeddings": state[f"{base}embeddings.position_embeddings.weight"].shape[0],
        }
    else:
        words, hidden = state[f"{base}wte.weight"].shape
        layers = {m[1] for n in state if (m := re.match(r"caption_encoder\.base\.h\.(\d+)\.", n))}
        reads = {"vocab_size": words, "n_embd": hidden, "n_layer": len(layers), "n_head": hidden // 64}
        reads |= {"n_positions": state[f"{base}wpe.weight"].shape[0]}
    dim = state["audio_encoder.projection.linear1.weight"].shape[0]
    return {"audio": hears, "text": {"kind": text, **reads}, "dim": dim}


def _rename(name: str, text: str) -> str | None:
    """Our name of a tensor; None for what embeddings do not need and for an HTSAT, renamed apart."""
    if _DROPPED.match(name) or name.startswith("audio_encoder.base.htsat."):
        return None
    if found := re.match(r"audio_encoder\.base\.conv_block(\d)\.(.*)", name):
        return f"cnn14.blocks.{int(found[1]) - 1}.{found[2]}"
    for old, new in (
        ("audio_encoder.base.", "cnn14."),
        ("audio_encoder.projection.", "audio_projection."),
        ("caption_encoder.base.", f"{text}."),
        ("caption_encoder.projection.", "text_projection."),
    ):
        if name.startswith(old):
            return name.replace(old, new, 1)
    return name

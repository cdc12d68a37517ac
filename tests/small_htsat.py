"""A small HTSAT and RoBERTa with random weights, in the files of transformers and in those of laion_clap."""

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import ByteLevelBPETokenizer
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizerFast
from transformers.audio_utils import mel_filter_bank

from named_weights import named_weight

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SENTENCES = ["a dog barks, then rain falls", "the siren before a church bell", "wind while a cat meows"]
GOLDEN = {kind: Path(__file__).parent / f"laion_{kind}.json" for kind in ("unfused", "fused")}
"""What laion_clap 1.1.7 itself makes of the weights that `named_weight` gives: shapes by name, the embedding
of `laion_sound`, and those of `LAION_IDS`."""
LAION_IDS = torch.tensor([[0, 69, 288, 292, 2], [0, 69, 288, 2, 1]])


def laion_sound() -> np.ndarray:
    """Three seconds and a little at 48 kHz: a rising tone, a high one from the middle on, and noise."""
    t = np.arange(3 * 48_000 + 123) / 48_000
    tones = 0.3 * np.sin(2 * np.pi * 440 * t * (1 + 0.2 * t)) + 0.1 * np.sin(2 * np.pi * 3000 * t) * (t > 1.5)
    return (tones + 0.05 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)


def laion_state(kind: str) -> dict[str, torch.Tensor]:
    """A state dict of laion_clap with the weights of the golden file, and what it saves beside them."""
    state = {
        name: torch.zeros(shape)
        if "_extractor." in name or name.endswith("attn_mask")
        else named_weight(name, tuple(shape))
        for name, shape in json.loads(GOLDEN[kind].read_text())["shapes"].items()
    }
    for name in state:
        if name.endswith(("relative_position_index", "num_batches_tracked")):
            state[name] = state[name].long()
    state["audio_branch.logmel_extractor.melW"] = torch.from_numpy(
        mel_filter_bank(513, 64, 50, 14_000, 48_000, norm="slaney", mel_scale="slaney").astype(np.float32)
    )
    state["text_branch.embeddings.position_ids"] = torch.arange(514)[None]
    return {f"module.{name}": tensor for name, tensor in state.items()}


def write_tokenizer(folder: Path) -> Path:
    """A byte-level BPE of 400 tokens as `vocab.json` and `merges.txt`."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(SENTENCES * 20, vocab_size=400, special_tokens=SPECIAL)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_model(str(folder))
    return folder


def write_with_transformers(
    folder: Path, *, fused: bool = False, padding: str = "repeatpad", dropout: float = 0.1
) -> Path:
    """A checkpoint directory as transformers alone writes it."""
    tokenizer = RobertaTokenizerFast.from_pretrained(write_tokenizer(folder / "tokenizer"))
    extractor = ClapFeatureExtractor(
        truncation="fusion" if fused else "rand_trunc", padding=padding, frequency_min=50
    )
    text = {"vocab_size": 400, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    audio = {"patch_embeds_hidden_size": 24, "hidden_size": 192, "depths": [2, 2, 2, 2]}
    audio |= {"num_attention_heads": [1, 2, 4, 8], "enable_fusion": fused}
    audio |= {"fusion_type": "aff_2d"} if fused else {}
    audio |= {"hidden_dropout_prob": dropout}
    text |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    config = ClapConfig(
        text_config={**text, "intermediate_size": 96, "layer_norm_eps": 1e-5},
        audio_config=audio,
        projection_dim=32,
    )
    clap = ClapModel(config)
    with torch.no_grad():
        for name, tensor in clap.state_dict().items():
            if tensor.is_floating_point() and not name.startswith("logit_scale"):
                tensor.copy_(named_weight(name, tuple(tensor.shape)))
    clap.save_pretrained(folder)
    ClapProcessor(extractor, tokenizer).save_pretrained(folder)
    return folder

"""RoBERTa's tokenizer as checkpoints carry it."""

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import RobertaProcessing
from transformers import ClapTextConfig

from chronoclap.errors import ModelError
from chronoclap.models.checkpoint import fetch, read_json, read_tokenizer_file

MARKS = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}


def read_tokenizer(directory: Path, text: ClapTextConfig) -> Tokenizer:
    """The tokenizer of a directory, from `tokenizer.json` or from `vocab.json` and `merges.txt`.

    Returns:
        It pads to the longest text of a batch, and cuts at the length that the checkpoint or, failing that,
        the network has.

    Raises:
        ModelError: none is there, or it is not this model's.
    """
    tokenizer = _read(directory)
    if tokenizer.get_vocab_size() > text.vocab_size:
        raise ModelError(
            f"{directory}: its tokenizer has {tokenizer.get_vocab_size()} tokens, its model "
            f"{text.vocab_size}; they do not belong together."
        )
    longest = text.max_position_embeddings - text.pad_token_id - 1
    if (file := directory / "tokenizer_config.json").is_file():
        longest = min(longest, int(read_json(file).get("model_max_length", longest)))
    pad = tokenizer.id_to_token(text.pad_token_id)
    if pad is None:
        raise ModelError(
            f"{directory}: the tokenizer has no token {text.pad_token_id}, which is to pad texts."
        )
    tokenizer.enable_padding(pad_id=text.pad_token_id, pad_token=pad)
    tokenizer.enable_truncation(longest)
    return tokenizer


def find_tokenizer(name: str) -> Path:
    """The directory of a tokenizer: a path, or a name on the Hugging Face hub, which is fetched.

    Raises:
        ModelError: neither.
    """
    path = Path(name)
    return path if path.is_dir() else fetch(name, ("tokenizer.json", "vocab.json", "merges.txt"))


def tokenizer_settings(tokenizer: Tokenizer) -> tuple[Tokenizer, dict[str, Any]]:
    """What a checkpoint holds of a tokenizer from `read_tokenizer`: a copy that neither pads nor cuts, and
    `tokenizer_config.json`, which says where to cut."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    assert tokenizer.truncation is not None
    limit = tokenizer.truncation["max_length"]
    settings = {"tokenizer_class": "RobertaTokenizer", "processor_class": "ClapProcessor"}
    return copy, {**settings, **MARKS, "model_max_length": limit}


def _read(directory: Path) -> Tokenizer:
    file, vocab, merges = (directory / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    if file.is_file():
        return read_tokenizer_file(file)
    try:
        if vocab.is_file() and merges.is_file():
            return _from_merges(vocab, merges)
    except Exception as error:  # the library raises bare Exceptions
        raise ModelError(f"{directory}: its tokenizer is damaged ({error}); fetch it again.") from error
    raise ModelError(
        f"{directory}: no tokenizer. A checkpoint carries tokenizer.json, or vocab.json and merges.txt; for "
        "RoBERTa they are those of roberta-base."
    )


def _from_merges(vocab: Path, merges: Path) -> Tokenizer:
    tokenizer = Tokenizer(BPE.from_file(str(vocab), str(merges), unk_token="<unk>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    vocabulary = tokenizer.get_vocab()
    tokenizer.post_processor = RobertaProcessing(
        ("</s>", vocabulary["</s>"]), ("<s>", vocabulary["<s>"]), trim_offsets=True, add_prefix_space=False
    )
    special = [AddedToken(mark, special=True) for mark in dict.fromkeys(MARKS.values()) if mark != "<mask>"]
    tokenizer.add_special_tokens([*special, AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer

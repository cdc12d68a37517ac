"""A small word-piece tokenizer of BERT's kind."""

from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from tokenizers.processors import TemplateProcessing

from chronoclap.scenes.foley import FOLEY

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
COMMON = (
    "a an and at after as before by can first followed heard in is of over same sound the then time while"
)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def tiny_tokenizer() -> Tokenizer:
    """Whole words for the synthetic sounds and some connectives, letters for the rest: nothing is unknown."""
    words = {word for phrase in FOLEY.values() for word in phrase.lower().split()} | set(COMMON.split())
    pieces = [*SPECIAL, *".,'-", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    pieces += sorted(words - set(pieces))
    tokenizer = Tokenizer(
        WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = [(mark, pieces.index(mark)) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing("[CLS] $A [SEP]", special_tokens=marks)
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer

"""Microsoft's CLAP: of 2022 with Cnn14 and BERT, TeminAL's start, and of 2023 with HTSAT and GPT-2."""

from chronoclap.models.msclap.checkpoint import read_msclap, write_msclap
from chronoclap.models.msclap.model import MsClap

__all__ = ["MsClap", "read_msclap", "write_msclap"]

"""The papers' architecture: an HTSAT and a RoBERTa, with weights and files of transformers' ClapModel."""

from chronoclap.models.htsat_roberta.checkpoint import read_htsat_roberta, write_htsat_roberta
from chronoclap.models.htsat_roberta.model import HtsatRoberta

__all__ = ["HtsatRoberta", "read_htsat_roberta", "write_htsat_roberta"]

"""Losses: pure functions of embeddings.

Most take unit vectors and the scale that multiplies their cosines; all return a scalar tensor. Shapes are
named by letters: b or n rows of a batch, d dimensions, k contradictions and p true captions a row, m blocks.
"""

from chronoclap.losses.block import info_nce, tact, tnce, tnce_raw_dot
from chronoclap.losses.compa import compa_hard_negatives, compa_modular
from chronoclap.losses.dtu import dtu_margin
from chronoclap.losses.kernel import block_contrastive, block_weights, weighted_cross_entropy
from chronoclap.losses.temporal import Reading, temporal_focused

__all__ = [
    "Reading",
    "block_contrastive",
    "block_weights",
    "compa_hard_negatives",
    "compa_modular",
    "dtu_margin",
    "info_nce",
    "tact",
    "temporal_focused",
    "tnce",
    "tnce_raw_dot",
    "weighted_cross_entropy",
]

"""Does a model know what came first? Order tests, their controls and bounds, zero-shot, and the report."""

from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.items import Pair, draw_pairs, load_pairs, save_pairs
from chronoclap.evaluation.plots import plot
from chronoclap.evaluation.report import evaluate_temporal, read_json, tables, write_json
from chronoclap.evaluation.rows import Row

__all__ = [
    "Embedder",
    "Pair",
    "Row",
    "draw_pairs",
    "evaluate_temporal",
    "load_pairs",
    "plot",
    "read_json",
    "save_pairs",
    "tables",
    "write_json",
]

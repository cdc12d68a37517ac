"""The losses that recipes train by, each on the rows of a batch.

    temporal   L_c + w L_t: T-CLAP; with w = 0 its control
    tact       forward and reversed rows as rivals of each other (Bagad et al. 2023)
    tnce       forward, reversed and overlaid rows (TeminAL, stage B)
    compa-2    three contradictions of each row as its own rivals (CompA, stage 2)
    compa-3    the same, and every event of a scene as a caption of its own (CompA, stage 3)
    dtu        L_c, and a margin between rewordings and contradictions on the side of the text (DTU)

With all alphas at 1, `tact` is L_c on the two orders, and `tnce` on triples: what then makes their recipes is
which scenes are in a batch together.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from chronoclap.losses import (
    compa_hard_negatives,
    compa_modular,
    dtu_margin,
    info_nce,
    tact,
    temporal_focused,
    tnce,
)
from chronoclap.training.captions import REVERSED, Captioned
from chronoclap.training.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Rows:
    """What a batch became.

    Args:
        audio: (n, d) unit vectors.
        text: (n, d) unit vectors of the true captions.
        false: (n, k, d) unit vectors of contradictions, where there are any.
        is_false: (n, k) bool: where there are.
        also: (n, m, d) unit vectors of what else is true, where there is any.
        is_also: (n, m) bool: where there is.
        captions: of the rows.
        scale: factor on cosines.
    """

    audio: Tensor
    text: Tensor
    false: Tensor
    is_false: Tensor
    also: Tensor
    is_also: Tensor
    captions: Captioned
    scale: Tensor


def objective_loss(recipe: Recipe, rows: Rows) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch, a scalar, and its parts for the log."""
    audio, text, scale, alike = rows.audio, rows.text, rows.scale, rows.captions.alike()
    match recipe.objective:
        case "temporal":
            contrastive = info_nce(audio, text, scale, alike)
            temporal = temporal_focused(audio, text, rows.false, scale, recipe.reading, rows.is_false, alike)
            return contrastive + recipe.temporal_weight * temporal, {
                "contrastive": contrastive,
                "temporal": temporal,
            }
        case "tact":
            block, pair = rows.captions.blocks()
            # TACT knows no overlays: with what stands alone, they are rows like those that are forward.
            block = (block == REVERSED).long()
            alphas = recipe.alpha_same, recipe.alpha_cross
            return tact(audio, text, scale, block, pair, *alphas, alike=alike), {}
        case "tnce":
            block, pair = rows.captions.blocks()
            alphas = recipe.alpha_same, recipe.alpha_cross
            return tnce(audio, text, scale, block, pair, *alphas, *alphas, alike=alike), {}
        case "compa-2":
            return compa_hard_negatives(audio, text, rows.false, scale, rows.is_false, alike), {}
        case "compa-3":
            captions = torch.cat([text[:, None], rows.also], dim=1)
            present = torch.cat([torch.ones_like(rows.is_also[:, :1]), rows.is_also], dim=1)
            # "A dog barks" is true of every scene with a dog: scenes that share an event do not compete.
            sharing = rows.captions.sharing()
            return compa_modular(audio, captions, rows.false, scale, present, rows.is_false, sharing), {}
        case "dtu":
            contrastive = info_nce(audio, text, scale, alike)
            both = rows.is_false & rows.is_also
            margin = dtu_margin(text, rows.also, rows.false, valid=both)
            return contrastive + recipe.margin_weight * margin, {"contrastive": contrastive, "margin": margin}


def in_places(flat: Tensor, owners: list[int], n: int) -> tuple[Tensor, Tensor]:
    """Vectors in a row to (n, places, d), each at the next place of its owner, and (n, places) bool: taken.

    There are as many places as the largest owner fills, and one at least.

    Args:
        flat: (c, d).
        owners: c row numbers, those of one row next to each other.
        n: rows.
    """
    place = [k - owners.index(owner) for k, owner in enumerate(owners)]
    places = max(place, default=0) + 1
    at = torch.tensor(owners, dtype=torch.long), torch.tensor(place, dtype=torch.long)
    taken = torch.zeros(n, places, dtype=torch.bool).index_put(at, torch.ones(len(owners), dtype=torch.bool))
    return flat.new_zeros(n, places, flat.shape[1]).index_put(at, flat), taken

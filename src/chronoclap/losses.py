"""Losses: pure functions of embeddings.

Every function takes unit vectors and the scale that multiplies their cosines, and returns a scalar tensor.
Shapes are named by letters: b rows of a batch, d dimensions, k contradictions a row.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Reading = Literal["pair", "batch-own", "batch-all"]


def info_nce(audio: Tensor, text: Tensor, scale: Tensor | float, alike: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE, T-CLAP's L_c: the mean of audio-to-text and text-to-audio cross-entropy.

        L_c = 1/2 (CE(s A T') + CE(s T A')),  the targets on the diagonal

    Args:
        audio: (b, d) unit vectors.
        text: (b, d) unit vectors, row i describing audio i.
        scale: s, the factor on cosines.
        alike: (b, b) bool, true where text j describes audio i as well: such pairs do not compete. The
            diagonal is ignored.

    Source: Radford et al. 2021 (CLIP); T-CLAP (arXiv 2404.17806), L_c.
    """
    logits = scale * audio @ text.T
    if alike is not None:
        others = ~torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(alike & others, -torch.inf)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def temporal_focused(
    audio: Tensor,
    text: Tensor,
    contradictions: Tensor,
    scale: Tensor | float,
    reading: Reading = "pair",
    valid: Tensor | None = None,
    alike: Tensor | None = None,
) -> Tensor:
    """T-CLAP's temporal-focused loss L_t: the true caption against its temporal contradictions.

    The paper's equation could not be read; these are the two readings of it, the first the default.

        reading 1, "pair":       -log exp(s a.t+) / (exp(s a.t+) + sum_k exp(s a.t-_k))
        reading 2, "batch-own":  -log exp(s a.t+) / (sum_j exp(s a.t+_j) + sum_k exp(s a.t-_k)),   own k only
        reading 2, "batch-all":  the same with the contradictions of all rows

    averaged over the rows that have a contradiction. With one contradiction reading 1 is softplus(-s a.(t+ -
    t-)). Only the audio-to-text direction exists, for a contradiction has no sound of its own; where the
    reversed sound is at hand, call the function with audio and text exchanged and the reversed sounds as
    contradictions.

    Args:
        audio: (b, d) unit vectors.
        text: (b, d) unit vectors of the true captions.
        contradictions: (b, k, d) unit vectors of the false ones.
        scale: s, the factor on cosines.
        reading: which form.
        valid: (b, k) bool, false where a row has no such contradiction; None: all are there.
        alike: (b, b) bool as in `info_nce`, for reading 2.

    Returns:
        A scalar; 0 where no row has a contradiction.

    Source: T-CLAP (arXiv 2404.17806), L_t, a reading; "batch-own" is CompA's stage 2 and "batch-all"
    NegCLIP's loss.
    """
    b, k, _ = contradictions.shape
    if valid is None:
        valid = torch.ones(b, k, dtype=torch.bool, device=audio.device)
    rows = valid.any(1)
    if not rows.any():
        return (audio * 0).sum()
    true = scale * (audio * text).sum(-1, keepdim=True)
    if reading == "batch-all":
        false = (scale * audio @ contradictions.flatten(0, 1).T).masked_fill(~valid.flatten(), -torch.inf)
    else:
        false = (scale * torch.einsum("bd,bkd->bk", audio, contradictions)).masked_fill(~valid, -torch.inf)
    if reading == "pair":
        rivals = [true, false]
    else:
        others = scale * audio @ text.T
        hidden = torch.eye(b, dtype=torch.bool, device=audio.device)
        rivals = [true, others.masked_fill(hidden if alike is None else hidden | alike, -torch.inf), false]
    logits = torch.cat(rivals, dim=1)[rows]
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=audio.device))

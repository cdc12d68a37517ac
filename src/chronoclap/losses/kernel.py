"""The block kernel, from which the contrastive losses are made.

A batch is n pairs, row i of the sounds and row i of the texts, and its logits are an (n, n) matrix S. A loss
says by weights W how strongly sound i and text j compete: 1 as any two do, 0 not at all. Weights enter as
logarithms added to the logits, so 0 is -inf.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_cross_entropy(logits: Tensor, target: Tensor, row_weights: Tensor | None = None) -> Tensor:
    """Weighted mean over rows of the cross-entropy, rows whose target may not compete left out.

        sum_i w_i (-log exp(S_i,target_i) / sum_j exp(S_ij)) / sum_i w_i

    Args:
        logits: (r, c), -inf where column j does not compete in row i. A row whose target is -inf does not
            count.
        target: (r,) int64, the true column of each row.
        row_weights: (r,) w; None: all rows count alike.

    Returns:
        A scalar; 0, with gradients of 0, where no row counts.
    """
    # Unequal, not greater: a NaN is no mask, it must reach the loss.
    counts = logits.detach().gather(1, target[:, None]) != -torch.inf
    weights = counts.squeeze(1).to(logits.dtype)
    if row_weights is not None:
        weights = weights * row_weights
    # A row that is -inf throughout has no softmax: in the place of what does not count stands a row of zeros.
    terms = F.cross_entropy(logits.masked_fill(~counts, 0), target, reduction="none")
    total = weights.sum()
    return (weights * terms).sum() / torch.where(total > 0, total, 1)


def block_contrastive(
    logits: Tensor, log_weights: Tensor | None = None, row_weights: Tensor | None = None
) -> Tensor:
    """The block kernel: the mean of both directions of a contrast in which rivals have weights.

        1/2 mean_i (-log exp(S_ii) / sum_j W_ij exp(S_ij))      sound i among the texts
        + 1/2 mean_j (-log exp(S_jj) / sum_i W_ij exp(S_ij))    text j among the sounds

    Args:
        logits: (n, n) S: sound i with text j, the true pairs on the diagonal.
        log_weights: (n, n) log W, -inf where sound i and text j do not compete. W_ii is 1, or 0 where pair i
            is no true pair and is only a rival of the others. None: all compete with weight 1.
        row_weights: (n,) how much pair i counts in both means; None: all alike.

    Source: TeminAL (arXiv 2408.09269), the loss of stage B as its authors' code computes it, with a mean over
    the two directions where they add them.
    """
    if log_weights is not None:
        logits = logits + log_weights
    target = torch.arange(len(logits), device=logits.device)
    to_text = weighted_cross_entropy(logits, target, row_weights)
    to_audio = weighted_cross_entropy(logits.T, target, row_weights)
    return (to_text + to_audio) / 2


def block_weights(block: Tensor, pair: Tensor, same: Tensor, cross: Tensor) -> Tensor:
    """W of a batch of blocks: 1 within a block, between blocks alpha_same or alpha_cross.

    A block is one relation between two events ("A before B"); the rows of a batch may come in any order, and
    blocks may have different sizes.

    Args:
        block: (n,) int64, which of m blocks a row is in.
        pair: (n,) int64, which two events a row is made of.
        same: (m, m), alpha_same between two blocks: the weight of the same events in another relation. The
            diagonal is ignored.
        cross: (m, m), alpha_cross between two blocks: the weight of other events in another relation. The
            diagonal is ignored.

    Returns:
        (n, n) weights of the dtype of `same`; their logarithm is what `block_contrastive` takes.
    """
    ours, theirs = block[:, None], block[None]
    between = torch.where(pair[:, None] == pair, same[ours, theirs], cross[ours, theirs])
    return between.masked_fill(ours == theirs, 1)


def keep_apart(logits: Tensor, alike: Tensor | None) -> Tensor:
    """(..., n, n) logits with -inf where text j describes sound i as well (`alike`), but for the diagonal."""
    if alike is None:
        return logits
    others = ~torch.eye(len(alike), dtype=torch.bool, device=logits.device)
    return logits.masked_fill(alike & others, -torch.inf)


def own_logits(audio: Tensor, captions: Tensor, scale: Tensor | float, valid: Tensor | None) -> Tensor:
    """(b, k) logits of each sound with its own captions (b, k, d), -inf where one is not `valid`."""
    logits = scale * torch.einsum("bd,bkd->bk", audio, captions)
    return logits if valid is None else logits.masked_fill(~valid, -torch.inf)

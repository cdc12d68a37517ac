"""Losses that are one choice of blocks and weights in the kernel: InfoNCE, TACT, TeminAL's TNCE."""

import torch
from torch import Tensor

from chronoclap.losses.kernel import block_contrastive, block_weights, keep_apart


def info_nce(audio: Tensor, text: Tensor, scale: Tensor | float, alike: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE, T-CLAP's L_c: the mean of audio-to-text and text-to-audio cross-entropy. One block.

        L_c = 1/2 (CE(s A T') + CE(s T A')),  the targets on the diagonal

    Args:
        audio: (n, d) unit vectors.
        text: (n, d) unit vectors, row i describing audio i.
        scale: s, the factor on cosines.
        alike: (n, n) bool, true where text j describes audio i as well: such pairs do not compete. The
            diagonal is ignored.

    Source: Radford et al. 2021 (CLIP); T-CLAP (arXiv 2404.17806), L_c. TeminAL's stage A is this loss of n
    single sounds and n combined ones.
    """
    return block_contrastive(keep_apart(scale * audio @ text.T, alike))


def tact(
    audio: Tensor,
    text: Tensor,
    scale: Tensor | float,
    block: Tensor,
    pair: Tensor,
    alpha_same: float = 1.0,
    alpha_cross: float = 1.0,
    beta: float = 1.0,
    alike: Tensor | None = None,
) -> Tensor:
    """TACT's loss: two blocks, forward and reversed.

        L = L_f + beta L_r, of each row  TNCE = -log exp(s a.t) / (sum_{t' in block} exp(s a.t') + C_time)
        C_time = alpha_same exp(s a.T(t)) + alpha_cross sum_{t' other than t} exp(s a.T(t'))

    with T the reversal, in both directions. The result is the mean over directions and rows (those reversed
    counting beta times) of what the paper adds, so that it does not grow with the batch. The paper's code has
    dot products without a scale; the scale is ours.

    Args:
        audio: (n, d) unit vectors.
        text: (n, d) unit vectors, row i describing audio i.
        scale: s, the factor on cosines.
        block: (n,) int64: 0 forward, 1 reversed.
        pair: (n,) int64, which two events a row is made of: the same for a row and its reversal.
        alpha_same: weight of the row's own reversal among its rivals.
        alpha_cross: weight of the other rows' reversals.
        beta: weight of the reversed rows.
        alike: (n, n) bool as in `info_nce`.

    Source: Bagad et al. 2023 (TACT, CVPR), L_f, L_r and C_time.
    """
    same, cross = (audio.new_full((2, 2), alpha) for alpha in (alpha_same, alpha_cross))
    rows = torch.ones_like(audio[:, 0]).masked_fill(block == 1, beta)
    logits = keep_apart(scale * audio @ text.T, alike)
    return block_contrastive(logits, block_weights(block, pair, same, cross).log(), rows)


def tnce(
    audio: Tensor,
    text: Tensor,
    scale: Tensor | float,
    block: Tensor,
    pair: Tensor,
    same_reversed: float = 1.0,
    cross_reversed: float = 1.0,
    same_overlaid: float = 1.0,
    cross_overlaid: float = 1.0,
    alike: Tensor | None = None,
) -> Tensor:
    """TeminAL's stage B, temporal noise contrastive estimation: three blocks, forward, reversed, overlaid.

        TNCE = -log exp(s a.t) / (sum_{t' in block} exp(s a.t') + C^r + C^o), in both directions
        C^x  = alpha_same^x exp(s a.x(t)) + alpha_cross^x sum_{t' other than t} exp(s a.x(t'))

    with x the two other relations of the row's events: alpha^r stands between forward and reversed, alpha^o
    between either and overlaid (a reading: the draft has separate alphas, its code one pair, and neither says
    what stands between reversed and overlaid). The result is the mean over directions and rows; the code's
    0.8 times the sum of the directions is 1.6 times this. That s multiplies cosines is a reading too, see
    `tnce_raw_dot`.

    "A while B" has no order, and "B before A" is the reversal of one pair and the forward of another: take
    each two events once in a batch, or say by `alike` which texts describe a row as well.

    Args:
        audio: (n, d) unit vectors.
        text: (n, d) unit vectors, row i describing audio i.
        scale: s, the factor on cosines.
        block: (n,) int64: 0 forward, 1 reversed, 2 overlaid. A pair may lack one.
        pair: (n,) int64, which two events a row is made of.
        same_reversed, cross_reversed: alpha_same^r and alpha_cross^r.
        same_overlaid, cross_overlaid: alpha_same^o and alpha_cross^o.
        alike: (n, n) bool as in `info_nce`.

    Source: TeminAL (arXiv 2408.09269), Figs. 4 and 5, the authors' draft and code; a reading where said so.
    """
    same, cross = (
        audio.new_tensor([[1, r, o], [r, 1, o], [o, o, 1]])
        for r, o in ((same_reversed, same_overlaid), (cross_reversed, cross_overlaid))
    )
    logits = keep_apart(scale * audio @ text.T, alike)
    return block_contrastive(logits, block_weights(block, pair, same, cross).log())


def tnce_raw_dot(
    audio: Tensor,
    text: Tensor,
    block: Tensor,
    pair: Tensor,
    alpha_same: float = 1.0,
    alpha_cross: float = 1.0,
) -> Tensor:
    """TeminAL's stage B to the letter of its authors' code, for comparison; train with `tnce`.

        0.8 (CE(X T' + log W) + CE(T X' + log W)),  alpha + 1e-8 between blocks

    on dot products as they come: no norm is taken and no temperature applied. The projections end in a layer
    norm, so that this acts like a cosine with a scale of about d.

    Args:
        audio: (n, d) projections as the tower gives them, not normalised.
        text: (n, d) the same of the texts, row i describing audio i.
        block: (n,) int64: 0 forward, 1 reversed, 2 overlaid.
        pair: (n,) int64, which two events a row is made of.
        alpha_same: weight of the same events in another relation.
        alpha_cross: weight of other events in another relation.

    Source: TeminAL (arXiv 2408.09269), the authors' code, training of stage B; `beta`, which is 1 there and
    set on the wrong rows, is left out.
    """
    # The floor is theirs: beside raw dot products 1e-8 is a weight that can still be felt.
    same, cross = (audio.new_full((3, 3), alpha + 1e-8) for alpha in (alpha_same, alpha_cross))
    return 1.6 * block_contrastive(audio @ text.T, block_weights(block, pair, same, cross).log())

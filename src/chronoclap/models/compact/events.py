"""From parts to events to one vector: the pooling that both towers share.

A *part* is a patch of sound or a token of text. It has a content vector (what), a saliency (does it matter),
a key (parts of one event have like keys) and a time (seconds of the window, or the place that the sentence
gives it).

    affinity     K_ij = exp(-|key_i - key_j|^2)                1 within an event, 0 between events
    event        e_i  = unit( sum_j K_ij s_j c_j )             content of the event that part i belongs to
    weight       w_i  = s_i / sum_j K_ij s_j, summing to 1     every event counts once, however long it lasts
    event time   u_i  = sum_j w_j sigmoid( (t_i - t_j) / T )   share of events up to mine: 1/4, 3/4 for two
    moments      m_k  = sum_i w_i cos(pi k u_i) e_i,           k = 0 .. M-1

with t_i the mean time of event i. The moments are the first cosine coefficients of the content over event
time: m_0 is the mean that every CLAP takes, m_1 is positive towards what came first and negative towards
what came last, m_2 tells two events in turn from two at once and places the middle one of three. Both towers
bind "what" to "when" by the same formula, so nothing about a particular class has to be learned for order to
be understood.

A trained model pools sound twice: as above, and with K_ij times how surely the clearest change of sound does
not lie between i and j (`unparted`). Its moments are the mean of both.

Source: ours; rotary pooling and weighting by event were the experiments that led here.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

ORDER_GAIN = 2.0
CUT_SHARPNESS = 8.0
"""How far the likeliest place of a cut is preferred to others."""
LEAST_CHANGE = 1.0
"""The change at which a cut is as likely as none; of two sounds in turn 95 % have more than 1.7."""
HEARD = 1e-3
"""Saliency that must lie on both sides of a cut."""
IMPOSSIBLE = -1e3


def affinity(key: Tensor) -> Tensor:
    """How far two parts belong to one event: (b, p, k) keys to (b, p, p) in (0, 1]."""
    squared = key.square().sum(-1)
    distance = squared[:, :, None] + squared[:, None] - 2 * key @ key.transpose(1, 2)
    return torch.exp(-distance.clamp_min(0))


def unparted(key: Tensor, saliency: Tensor) -> Tensor:
    """How surely two parts stand on the same side of the place where what is heard changes most.

    Any place between two parts may be that one: the surer, the further apart the mean keys before and after
    it are, and the less either side is a mere moment. Where nothing stands out there is none.

        change     d_k = |mean key before k - mean key after k|^2 sqrt(n_k m_k / (n_k + m_k))
        place      p_k = exp(8 d_k) / ( exp(8) + sum_l exp(8 d_l) )
        unparted   1 - sum of p_k over the places k between i and j

    with means weighted by saliency, n_k and m_k the saliency before and after k.

    Args:
        key: (b, p, k), parts in order of time.
        saliency: (b, p) not negative; 0 before the first or after the last part heard takes a part out.

    Returns:
        (b, p, p) in [0, 1], 1 on the diagonal.

    Source: ours; the first step of binary segmentation (Scott and Knott 1974), with a softmax for its choice.
    """
    counted = saliency.cumsum(1)
    before, after = counted[:, :-1], counted[:, -1:] - counted[:, :-1]
    summed = (saliency[..., None] * key).cumsum(1)
    first, last = summed[:, :-1], summed[:, -1:] - summed[:, :-1]
    possible = (before > HEARD) & (after > HEARD)
    before, after = before.clamp_min(HEARD), after.clamp_min(HEARD)
    apart = (first / before[..., None] - last / after[..., None]).square().sum(-1)
    change = (apart * (before * after / (before + after)).sqrt()).masked_fill(~possible, IMPOSSIBLE)
    place = torch.softmax(CUT_SHARPNESS * F.pad(change, (1, 0), value=LEAST_CHANGE), dim=1)
    # The first is that there is no cut; it lies before all parts and parts none.
    passed = place.cumsum(1)
    return 1 - (passed[:, :, None] - passed[:, None]).abs()


def event_moments(
    content: Tensor, saliency: Tensor, same: Tensor, time: Tensor, temperature: Tensor, moments: int
) -> Tensor:
    """Pool parts into cosine moments over event time.

    Args:
        content: (b, p, d) content of the parts.
        saliency: (b, p) not negative; 0 takes a part out.
        same: (b, p, p) affinity in [0, 1].
        time: (b, p) times in any unit.
        temperature: scalar in the unit of `time`: how far apart two events must be to count as one after the
            other.
        moments: how many to return.

    Returns:
        (b, moments, d).
    """
    mass = same * saliency[:, None]
    total = mass.sum(-1).clamp_min(1e-6)
    event = F.normalize(mass @ content, dim=-1)
    weight = saliency / total
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-6)
    if moments == 1:
        return (weight[..., None] * event).sum(1, keepdim=True)
    centre = (mass @ time[..., None])[..., 0] / total
    later = torch.sigmoid((centre[:, :, None] - centre[:, None]) / temperature)
    event_time = (later * weight[:, None]).sum(-1)
    order = torch.arange(moments, device=time.device, dtype=time.dtype)
    basis = torch.cos(math.pi * event_time[:, None] * order[:, None])
    return (basis * weight[:, None]) @ event


def first_gains(moments: int) -> Tensor:
    """What the moments after the mean are multiplied by before anything is learned: (moments - 1,).

    With sqrt(2) the product of two embeddings is the integral of the product of two contents over event time
    (Parseval). The first moment gets more: two orders of the same events differ in it alone, and by chance a
    little in the mean, which is longer and would drown the difference. The second must not: a text that names
    one event weighs the sound at u by 1 - gain^2 cos(2 pi u), and a large gain turns against what is first
    and last.
    """
    gains = torch.full((moments - 1,), 2.0**0.5)
    gains[:1] = ORDER_GAIN
    return gains

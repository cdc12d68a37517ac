"""What each task asks, by whose protocol, and in which words: what a report says beside its numbers."""

from typing import NamedTuple

from chronoclap.evaluation.tasks import order, retrieval, t_classify, three_events, zero_shot
from chronoclap.scenes.wordings import WORDINGS


class Protocol(NamedTuple):
    """A task, for the reader of its numbers.

    Attributes:
        question: what is asked.
        source: whose protocol it is, and whether in our reading.
        prompt: the words that a model is given.
    """

    question: str
    source: str
    prompt: str


_FOLLOWED = t_classify.TEMPLATE.format("A", "B")
_SOUND_OF = zero_shot.PROMPT.format("{label}")
_TCLAP = "T-CLAP (arXiv 2404.17806); its list and template are not public: a reading"
_TEMINAL = "TeminAL (arXiv 2408.09269), its code with slips mended"
_WORDED = "ours, on T-Classify's pairs and sounds"
_AS_GIVEN = "captions as they stand"


def _joined(names: tuple[str, ...]) -> str:
    return ", ".join(f"A{WORDINGS[name].frames[0].joint}B" for name in names)


PROTOCOLS: dict[str, Protocol] = {
    t_classify.TASK: Protocol("which of two orders is it?", _TCLAP, _FOLLOWED),
    "control_text_only": Protocol(
        "control: what do the texts give away without a sound?", "control of T-Classify: ours", _FOLLOWED
    ),
    "control_paraphrase": Protocol(
        "control: is a right answer right in other words?", "control of T-Classify: ours", "B preceded by A"
    ),
    order.COMPA: Protocol(
        "both texts right, both sounds, all four choices",
        "form of CompA (Ghosh et al. 2024): a reading",
        _joined(order.COMPA_WORDINGS),
    ),
    order.TACT: Protocol(
        "A before B, or B before A? And with after?",
        "form of TACT (Bagad et al. 2023): a reading",
        _joined(order.TACT_WORDINGS),
    ),
    three_events.TASK: Protocol("which of the six orders is it?", "ours", "A then B then C"),
    "wordings_known": Protocol("T-Classify, worded as training's captions are", _WORDED, "the grammar"),
    "wordings_audiotime": Protocol("the same, worded as AudioTime's", _WORDED, "ten wordings of ours"),
    "wordings_audiocaps": Protocol("the same, worded as AudioCaps'", _WORDED, "fourteen wordings of ours"),
    "sweep_gap": Protocol("T-Classify, with seconds of silence between", "ours", _FOLLOWED),
    "sweep_overlap": Protocol("T-Classify, with a share overlapping", "ours", _FOLLOWED),
    "sweep_level": Protocol("T-Classify, the first louder by so many dB", "ours", _FOLLOWED),
    "sweep_length": Protocol("T-Classify, each lasting so many seconds", "ours", _FOLLOWED),
    "zste_1": Protocol("one sound: which label is it?", _TEMINAL, _SOUND_OF),
    "zste_2": Protocol("two sounds: which two labels are they?", _TEMINAL, _SOUND_OF),
    "zste_3": Protocol(
        "A before B, B before A, or A while B?", _TEMINAL, zero_shot.PROMPT.format("A before B")
    ),
    "zste_4": Protocol("the same, among many descriptions", _TEMINAL, zero_shot.PROMPT.format("A before B")),
    "zste_5": Protocol(
        "which label is first, and which second?",
        _TEMINAL,
        "In this concatenated sound, the first sound is {label}",
    ),
    zero_shot.TASK: Protocol("which name has the recording?", "zero-shot classification", _SOUND_OF),
    zero_shot.ESC50_TASK: Protocol("which of ESC-50's names?", "zero-shot classification", _SOUND_OF),
    zero_shot.TAGS_TASK: Protocol("which names have the recording?", "FSD50K's mAP", _SOUND_OF),
    retrieval.TASK: Protocol(
        "names by recordings, and recordings by names", "R@k and mAP as WavCaps computes them", "{label}"
    ),
    "captions": Protocol("the caption, or what contradicts it?", "ours; form of CompA and DTU", _AS_GIVEN),
    "captioned_retrieval": Protocol(
        "captions by recordings, and recordings by captions; turned round, they should not be found",
        "R@k, mAP and median rank as WavCaps computes them; flips after DTU (Oncescu et al. 2024)",
        _AS_GIVEN,
    ),
    "compa_order": Protocol("CompA's own items: order", "CompA (Ghosh et al. 2024)", _AS_GIVEN),
    "compa_attribute": Protocol("CompA's own items: attributes", "CompA (Ghosh et al. 2024)", _AS_GIVEN),
    "audiotime": Protocol(
        "AudioTime's caption, or its order turned round?",
        "recordings and captions of AudioTime (Xie et al. 2024), contradicted by our rules",
        _AS_GIVEN,
    ),
}
"""By task."""

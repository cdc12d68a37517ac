"""What computes a model's towers."""

from dataclasses import dataclass
from typing import Literal, get_args

from chronoclap.errors import ModelError

Engine = Literal["torch", "openvino"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Compute:
    """How HTSAT and RoBERTa, or the compact model's trunk, are computed when they embed on a CPU.

    Attributes:
        engine: "torch", or "openvino" of the extra of that name, for HTSAT, which takes some seconds to set
            up and is then the quicker. Texts are read by torch, without padding, which is quicker still.
        precision: "float32", or "bfloat16" for matrix products: quicker where the processor has it (AVX-512
            BF16, AMX), slower elsewhere. It moves the numbers of a vector by about 0.001.
    """

    engine: Engine = "torch"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for value, known in ((self.engine, Engine), (self.precision, Precision)):
            if value not in get_args(known):
                raise ModelError(f"{value!r} is none of {', '.join(get_args(known))}.")

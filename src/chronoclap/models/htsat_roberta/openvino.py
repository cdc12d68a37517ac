"""HTSAT compiled by OpenVINO, which on a CPU uses more of its peak than torch does."""

import warnings
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from chronoclap.errors import ModelError
from chronoclap.models.workers import side_by_side


class OpenvinoTower:
    """A tower compiled for this machine's CPU: as many calls at a time as torch has threads, each on a core.

    Args:
        tower: takes and gives a tensor.
        example: what it takes, of that shape alone: fixed sizes run faster.
        half: multiply matrices in bfloat16.

    Raises:
        RuntimeError: the tower cannot be compiled here.
    """

    def __init__(self, tower: Callable[[Tensor], Tensor], example: Tensor, half: bool) -> None:
        import openvino

        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing, in which sizes make choices for good
            converted = openvino.convert_model(_Module(tower).eval(), example_input=example)
        converted.reshape(list(example.shape))
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "NUM_STREAMS": torch.get_num_threads(),
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        self.compiled = openvino.Core().compile_model(converted, "CPU", settings)
        self.idle: deque[Any] = deque()
        self._try_all_streams(example)

    def _try_all_streams(self, example: Tensor) -> None:
        # One tower of some ninety once gave vectors that were off by 0.07, though a trial of one call had
        # agreed with the plain tower; why was not found. What calls side by side disagree about is not used.
        calls = list(side_by_side(self, [example] * (4 * torch.get_num_threads())))
        if any(not torch.allclose(calls[0], call, rtol=1e-4, atol=1e-5) for call in calls):
            raise RuntimeError("OpenVINO's streams disagree.")

    def __call__(self, given: Tensor) -> Tensor:
        # A request serves one call at a time, and is quicker the second time.
        try:
            request = self.idle.pop()
        except IndexError:
            request = self.compiled.create_infer_request()
        result = request.infer([given.contiguous().numpy()])[0].copy()  # its memory is used again
        self.idle.append(request)
        return torch.from_numpy(result)


class _Module(nn.Module):
    def __init__(self, tower: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, given: Tensor) -> Tensor:
        return self.tower(given)


def require_openvino() -> None:
    """Raises:
    ModelError: the extra is not installed.
    """
    if find_spec("openvino") is None:
        raise ModelError("The engine 'openvino' needs the extra: pip install 'chronoclap[openvino]'.")

"""What a run writes down: JSON lines always, TensorBoard where it is installed."""

import json
from pathlib import Path
from typing import Any


class Log:
    """Appends one JSON object a line; the first line holds the settings of the run.

    Args:
        path: the file.
        settings: what the run was asked to do.
        resume: append to what is there.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool = False) -> None:
        self._file = path.open("a" if resume else "w", encoding="utf-8")
        if self._file.tell() == 0:
            self._line({"settings": settings})
        self._board = _summary_writer(path.parent)

    def write(self, step: int, measured: dict[str, float], learning_rate: float) -> None:
        """One line of measurements."""
        values = {name: round(value, 6) for name, value in measured.items()}
        self._line({"step": step, **values, "learning_rate": learning_rate})
        if self._board is not None:
            for name, value in measured.items():
                self._board.add_scalar(name, value, step)

    def _line(self, values: dict[str, Any]) -> None:
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Finish the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def _summary_writer(directory: Path) -> Any:
    """A TensorBoard writer, or None without the extra `chronoclap[train]`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(directory / "tensorboard"))

"""A report's folder: the page, Markdown, JSON with every score, the items, and kept embeddings."""

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.kept import Remembering
from chronoclap.evaluation.provenance import hearing_of, versions
from chronoclap.evaluation.reports.details import Details, details_of
from chronoclap.evaluation.reports.page import write_html, write_markdown
from chronoclap.evaluation.reports.protocols import PROTOCOLS
from chronoclap.evaluation.reports.record import Record, write_record
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.evaluation.suites import Asked
from chronoclap.files import replacing


@dataclass(frozen=True, slots=True)
class Bundle:
    """The folder of a report.

    Attributes:
        folder: is made if it is not there.
        questions: what is asked: data, split, suite, pairs a slice, seed.
    """

    folder: Path
    questions: dict[str, Any]

    @property
    def items(self) -> Path:
        """The file of the items."""
        return self.folder / "items.json"

    def begin(self) -> None:
        """Claim the folder for these questions.

        Raises:
            DataError: it holds a report on others.
        """
        mark = self.folder / "questions.json"
        said = json.dumps(self.questions, indent=1) + "\n"
        if mark.is_file() and mark.read_text(encoding="utf-8") != said:
            raise DataError(
                f"{self.folder} holds a report on other questions (data, split, suite, pairs or seed): name "
                "another --out."
            )
        with replacing(mark) as new:
            new.write_text(said, encoding="utf-8")

    def remembering(self, embedders: Sequence[Embedder]) -> list[Embedder]:
        """The models, which then look up what they have embedded before."""
        return [Remembering(embedder, self.folder / "embeddings") for embedder in embedders]

    def write(
        self, rows: list[Row], embedders: Sequence[Embedder], asked: Asked | None, command: Sequence[str]
    ) -> Path:
        """Write the report.

        Args:
            rows: what came out.
            embedders: the models, as `remembering` gave them.
            asked: what they were asked about; None: captioned sounds.
            command: the words that got it, for who wants to get it again.

        Returns:
            The page.
        """
        record = Record(self._about(rows, embedders, command), rows)
        details: list[Details] = []
        if asked is not None and {"temporal", "order", "wordings"} & set(asked.suites):
            details = [details_of(embedder, asked) for embedder in embedders]
        with replacing(self.folder / "report.json") as new:
            write_record(record, new)
        with replacing(self.folder / "report.md") as new:
            new.write_text(write_markdown(record), encoding="utf-8")
        page = self.folder / "report.html"
        with replacing(page) as new:
            new.write_text(write_html(record, details), encoding="utf-8")
        return page

    def _about(
        self, rows: Sequence[Row], embedders: Sequence[Embedder], command: Sequence[str]
    ) -> dict[str, Any]:
        items = "all recordings"
        if self.items.is_file():
            items = hashlib.sha256(self.items.read_bytes()).hexdigest()[:16]
        found = versions()
        return {
            **self.questions,
            "items": items,
            "models": {
                one.name: {"digest": one.digest, "audio": hearing_of(one.embedder)}
                for one in embedders
                if isinstance(one, Remembering)
            },
            "protocols": {
                task: PROTOCOLS[task]._asdict()
                for task in distinct(row.task for row in rows)
                if task in PROTOCOLS
            },
            "versions": found,
            "made_with": f"chronoclap {found['chronoclap']}",
            "command": shlex.join(["chronoclap", *command]),
        }

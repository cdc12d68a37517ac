"""A report's folder: the page, Markdown, JSON with every score, what was asked, and kept embeddings."""

import hashlib
import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronoclap.errors import DataError
from chronoclap.evaluation.embedder import Embedder
from chronoclap.evaluation.kept import Remembering
from chronoclap.evaluation.provenance import hearing_of, versions
from chronoclap.evaluation.published import Captioned
from chronoclap.evaluation.reports.asked import asked_text
from chronoclap.evaluation.reports.details import Details, details_of
from chronoclap.evaluation.reports.page import write_html, write_markdown
from chronoclap.evaluation.reports.protocols import PROTOCOLS
from chronoclap.evaluation.reports.record import Record, read_record, write_record
from chronoclap.evaluation.rows import Row, distinct
from chronoclap.evaluation.suites import Asked
from chronoclap.files import held, replacing


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
        """The file of the items that were drawn, or given."""
        return self.folder / "items.json"

    @contextmanager
    def claimed(self, models: Sequence[str]) -> Iterator[None]:
        """Have the folder for these questions and for this process alone.

        Args:
            models: the names of all that are asked, the oracle's among them.

        Raises:
            DataError: another process has it, it holds a report on other questions, or on models of which not
                all are asked now: it would be lost.
        """
        with held(self.folder):
            mark = self.folder / "questions.json"
            said = json.dumps(self.questions, indent=1) + "\n"
            if mark.is_file() and mark.read_text(encoding="utf-8") != said:
                raise DataError(
                    f"{self.folder} holds a report on other questions (data, split, suite, pairs or seed): "
                    "name another --out."
                )
            self._check_models(models)
            with replacing(mark) as new:
                new.write_text(said, encoding="utf-8")
            yield

    def _check_models(self, models: Sequence[str]) -> None:
        report = self.folder / "report.json"
        before = read_record(report).models if report.is_file() else []
        if lost := [name for name in before if name not in models]:
            raise DataError(
                f"{self.folder} holds a report that has {', '.join(lost)} too, which would be lost: name all "
                "models (what they embedded is kept, so they take seconds; oracle-halves comes of --oracle), "
                "or name another --out."
            )

    def keep_items(self, given: Path) -> None:
        """Put a list that lies elsewhere beside the report.

        Raises:
            DataError: the report is on another list.
        """
        content = given.read_bytes()
        if self.items.is_file() and self.items.read_bytes() != content:
            raise DataError(f"{self.folder} holds a report on other items than {given}: name another --out.")
        with replacing(self.items) as new:
            new.write_bytes(content)

    def remembering(self, embedders: Sequence[Embedder]) -> list[Embedder]:
        """The models, which then look up what they have embedded before."""
        return [Remembering(embedder, self.folder / "embeddings") for embedder in embedders]

    def write(
        self, rows: list[Row], embedders: Sequence[Embedder], asked: Asked | Captioned, command: Sequence[str]
    ) -> Path:
        """Write the report.

        Args:
            rows: what came out.
            embedders: the models, as `remembering` gave them.
            asked: what they were asked about.
            command: the words that got it, for who wants to get it again.

        Returns:
            The page.
        """
        listed = asked_text(asked)
        record = Record(self._about(rows, embedders, listed, command), rows)
        details: list[Details] = []
        if isinstance(asked, Asked) and {"temporal", "order", "wordings"} & set(asked.suites):
            details = [details_of(embedder, asked) for embedder in embedders]
        with replacing(self.folder / "asked.json") as new:
            new.write_text(listed, encoding="utf-8")
        with replacing(self.folder / "report.json") as new:
            write_record(record, new)
        with replacing(self.folder / "report.md") as new:
            new.write_text(write_markdown(record), encoding="utf-8")
        page = self.folder / "report.html"
        with replacing(page) as new:
            new.write_text(write_html(record, details), encoding="utf-8")
        return page

    def _about(
        self, rows: Sequence[Row], embedders: Sequence[Embedder], listed: str, command: Sequence[str]
    ) -> dict[str, Any]:
        found = versions()
        return {
            **self.questions,
            "items": hashlib.sha256(listed.encode()).hexdigest()[:16],
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

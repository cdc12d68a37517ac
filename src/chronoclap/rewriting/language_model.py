"""Contradictions from a language model, behind any endpoint that speaks OpenAI's protocol.

Answers are kept on disk, so a run that was stopped goes on without asking, or paying, twice.
"""

import hashlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronoclap.errors import DataError

PROMPT = (
    "You are given the caption of a recording. Write one caption that names exactly the same sounds in "
    "the same words, but tells them in another temporal order, so that it is false of the recording. "
    'Either let the sounds change places, or turn the word that joins them round ("before" to "after", '
    '"followed by" to "preceded by"), never both: that would be true again. Add no sound, leave none out,'
    " and keep to the caption's wording. If it names one sound only, or says nothing of an order, answer "
    "with null."
)
"""In our words; T-CLAP's could not be read."""

SCHEMA = {
    "type": "object",
    "properties": {"contradiction": {"type": ["string", "null"]}},
    "required": ["contradiction"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model answers, and what may be spent.

    Attributes:
        url: base URL, such as "http://127.0.0.1:11434/v1".
        model: the name by which the endpoint knows it.
        key: for the endpoint; local ones take any.
        timeout: seconds for one answer.
        retries: further tries, with growing pauses, where it is busy (429), broken (5xx) or silent.
        max_requests, max_tokens: what may be asked, and what may be read and written; None: any number.
    """

    url: str
    model: str
    key: str = "none"
    timeout: float = 60.0
    retries: int = 4
    max_requests: int | None = None
    max_tokens: int | None = None

    @classmethod
    def from_environment(cls, url: str, **changes: Any) -> "Endpoint":
        """With model and key of `CHRONOCLAP_LLM_MODEL` and `CHRONOCLAP_LLM_KEY` (or `OPENAI_API_KEY`).

        Raises:
            DataError: no model is named.
        """
        model = os.environ.get("CHRONOCLAP_LLM_MODEL", "")
        if not model:
            raise DataError("Which model is to write? Name it in the variable CHRONOCLAP_LLM_MODEL.")
        key = os.environ.get("CHRONOCLAP_LLM_KEY") or os.environ.get("OPENAI_API_KEY") or "none"
        return cls(url, model, key, **changes)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking.

    Attributes:
        text: the model's contradiction; None: it says that there is none, or it was not reached.
        trouble: why there is no answer; empty where there is one.
    """

    text: str | None
    trouble: str = ""


class Writer:
    """Asks the model; may be used by several threads at once.

    Args:
        endpoint: where.
        cache: a file of answers, one a line, that grows; None: none is kept.

    Raises:
        DataError: the extra is not installed.
    """

    def __init__(self, endpoint: Endpoint, cache: Path | None) -> None:
        try:
            from openai import OpenAI
        except ImportError as error:
            raise DataError(
                "Asking a language model needs the extra: pip install 'chronoclap[rewrite]'."
            ) from error
        self.endpoint = endpoint
        self.cache = cache
        self.client = OpenAI(
            base_url=endpoint.url,
            api_key=endpoint.key,
            timeout=endpoint.timeout,
            max_retries=endpoint.retries,
        )
        self.requests = self.tokens_in = self.tokens_out = self.remembered = 0
        self._lock = threading.Lock()
        self._known = _read_cache(cache)

    def ask(self, caption: str) -> Answer:
        """The model's contradiction of a caption, remembered or new."""
        key = hashlib.sha256(json.dumps([caption, PROMPT, self.endpoint.model]).encode()).hexdigest()
        with self._lock:
            if key in self._known:
                self.remembered += 1
                return Answer(self._known[key])
            if trouble := self._spent():
                return Answer(None, trouble)
            self.requests += 1
        answer = self._fetch(caption)
        if not answer.trouble:
            self._remember(key, answer.text)
        return answer

    def costs(self) -> str:
        """What has been spent, in a line."""
        return (
            f"{self.requests} requests to {self.endpoint.model}, {self.tokens_in} tokens read and "
            f"{self.tokens_out} written; {self.remembered} answers were known already."
        )

    def _spent(self) -> str:
        limit = self.endpoint
        if limit.max_requests is not None and self.requests >= limit.max_requests:
            return f"the budget of {limit.max_requests} requests is spent"
        if limit.max_tokens is not None and self.tokens_in + self.tokens_out >= limit.max_tokens:
            return f"the budget of {limit.max_tokens} tokens is spent"
        return ""

    def _fetch(self, caption: str) -> Answer:
        import openai

        try:
            reply = self.client.chat.completions.create(
                model=self.endpoint.model,
                messages=[{"role": "system", "content": PROMPT}, {"role": "user", "content": caption}],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "contradiction", "schema": SCHEMA, "strict": True},
                },
                temperature=0.0,
            )
        except openai.OpenAIError as error:
            return Answer(None, f"the model was not reached ({type(error).__name__})")
        if reply.usage is not None:
            with self._lock:
                self.tokens_in += reply.usage.prompt_tokens
                self.tokens_out += reply.usage.completion_tokens
        if not reply.choices:
            return Answer(None, "the model gave no answer")
        if reply.choices[0].finish_reason == "length":
            return Answer(None, "the model's answer was cut")
        try:
            text = json.loads(reply.choices[0].message.content or "")["contradiction"]
        except (ValueError, KeyError, TypeError):
            return Answer(None, "the model's answer is not the JSON that was asked for")
        if text is not None and not isinstance(text, str):
            return Answer(None, "the model's answer is not the JSON that was asked for")
        return Answer(text)

    def _remember(self, key: str, text: str | None) -> None:
        with self._lock:
            self._known[key] = text
            if self.cache is not None:
                self.cache.parent.mkdir(parents=True, exist_ok=True)
                with self.cache.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "contradiction": text}) + "\n")


def _read_cache(path: Path | None) -> dict[str, str | None]:
    """Answers of earlier runs; a line that was cut off when one was stopped is passed over."""
    known: dict[str, str | None] = {}
    if path is not None and path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                known[entry["key"]] = entry["contradiction"]
            except (ValueError, KeyError, TypeError):
                continue
    return known

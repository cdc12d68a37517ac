"""A language model behind a real server on this machine, with its faults; and tables from end to end."""

import csv
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chronoclap.cli import app
from chronoclap.errors import DataError
from chronoclap.rewriting.language_model import SCHEMA, Endpoint, Writer
from chronoclap.rewriting.rewrite import rewrite

pytest.importorskip("openai")
pytest.importorskip("lemminflect")
CAPTION = "A dog barks followed by a man speaking"
RIGHT = "A man speaking followed by a dog barks"

Reply = tuple[int, dict[str, str], bytes]


def said(content: str, finish: str = "stop") -> Reply:
    """An answer as the protocol has it."""
    message = {"role": "assistant", "content": content}
    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "tiny",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    return 200, {}, json.dumps(body).encode()


def wrote(text: str | None) -> Reply:
    return said(json.dumps({"contradiction": text}))


def failed(status: int, **headers: str) -> Reply:
    return status, headers, b'{"error": {"message": "no"}}'


class Server:
    """Answers requests one after the other as it is told, and the last answer from then on."""

    def __init__(self) -> None:
        self.replies: list[Reply | Callable[[str], Reply]] = [wrote(RIGHT)]
        self.asked: list[dict[str, Any]] = []
        self.busy = self.most = 0
        self.wait = 0.0
        lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with lock:
                    server.busy += 1
                    server.most = max(server.most, server.busy)
                    body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                    body["path"], body["key"] = self.path, self.headers["Authorization"]
                    server.asked.append(body)
                    reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
                time.sleep(server.wait)
                if callable(reply):
                    reply = reply(body["messages"][-1]["content"])
                status, headers, content = reply
                with lock:
                    server.busy -= 1
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **headers}.items():
                        self.send_header(name.replace("_", "-"), value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except BrokenPipeError:
                    pass  # the client did not wait

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def writer(server: Server, cache: Path | None = None, **changes: Any) -> Writer:
    settings = {"model": "tiny", "key": "secret", "timeout": 5.0, "retries": 2, **changes}
    return Writer(Endpoint(server.url, **settings), cache)


class TestAsking:
    def test_speaks_the_protocol(self, server: Server) -> None:
        asked = writer(server)
        rows = rewrite(CAPTION, asked)
        assert [(row.contradiction, row.method) for row in rows] == [(RIGHT, "llm")]
        (request,) = server.asked
        assert request["path"] == "/v1/chat/completions"
        assert request["key"] == "Bearer secret"
        assert request["model"] == "tiny"
        assert request["messages"][-1] == {"role": "user", "content": CAPTION}
        assert request["response_format"]["json_schema"]["schema"] == SCHEMA
        assert asked.costs().startswith("1 requests to tiny, 100 tokens read and 20 written")

    def test_what_tells_no_order_is_not_asked_about(self, server: Server) -> None:
        (row,) = rewrite("Rain falls", writer(server))
        assert row.reason == "no order is told"
        assert not server.asked

    def test_the_rules_stand_in_where_it_says_none(self, server: Server) -> None:
        server.replies = [wrote(None)]
        (row,) = rewrite(CAPTION, writer(server))
        assert (row.contradiction, row.method) == (RIGHT, "swap")


class TestFaults:
    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_a_busy_or_broken_server_is_asked_again(self, server: Server, status: int) -> None:
        server.replies = [failed(status, retry_after="0.01"), failed(status), wrote(RIGHT)]
        (row,) = rewrite(CAPTION, writer(server))
        assert row.method == "llm"
        assert len(server.asked) == 3

    def test_a_silent_server_is_given_up(self, server: Server) -> None:
        server.wait = 0.6
        rows = rewrite(CAPTION, writer(server, timeout=0.2, retries=1))
        assert "APITimeoutError" in rows[0].reason
        assert (rows[1].contradiction, rows[1].method) == (RIGHT, "swap")
        assert len(server.asked) == 2

    def test_no_server(self) -> None:
        nowhere = Writer(Endpoint("http://127.0.0.1:9/v1", "tiny", retries=0, timeout=1), None)
        rows = rewrite(CAPTION, nowhere)
        assert "APIConnectionError" in rows[0].reason
        assert rows[1].method == "swap"

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            (said("Sure! Here you are:"), "not the JSON"),
            (said('{"contradiction": 3}'), "not the JSON"),
            (said('{"answer": "x"}'), "not the JSON"),
            (said('{"contradiction": "A man', "length"), "cut"),
            (wrote("A person talks after which a hound woofs"), "leaves out"),  # paraphrased
            (wrote("A man speaking"), "leaves out"),  # truncated
            (wrote("A man speaking followed by a dog barks and thunder"), "adds thunder"),  # invented
            (wrote("A man speaking preceded by a dog barks"), "same order"),
            (wrote(CAPTION), "itself"),
        ],
    )
    def test_what_is_wrong_is_rejected_with_its_reason(
        self, server: Server, reply: Reply, reason: str
    ) -> None:
        server.replies = [reply]
        rejected, made = rewrite(CAPTION, writer(server))
        assert reason in rejected.reason
        assert (rejected.method, rejected.contradiction) == ("llm", "")
        assert (made.contradiction, made.method) == (RIGHT, "swap")


class TestCache:
    def test_nothing_is_paid_twice(self, server: Server, tmp_path: Path) -> None:
        cache = tmp_path / "answers.jsonl"
        rewrite(CAPTION, writer(server, cache))
        with cache.open("a") as file:
            file.write('{"key": "cut off whe')  # as a run that is killed leaves it
        again = writer(server, cache)
        assert rewrite(CAPTION, again)[0].contradiction == RIGHT
        assert len(server.asked) == 1
        assert again.costs().endswith("1 answers were known already.")
        rewrite(CAPTION, writer(server, cache, model="other"))
        assert len(server.asked) == 2

    def test_failures_are_not_kept(self, server: Server, tmp_path: Path) -> None:
        cache = tmp_path / "answers.jsonl"
        server.replies = [said("no JSON"), wrote(RIGHT)]
        assert rewrite(CAPTION, writer(server, cache))[0].reason
        assert rewrite(CAPTION, writer(server, cache))[0].method == "llm"

    def test_the_budget_holds(self, server: Server) -> None:
        asked = writer(server, max_requests=2)
        captions = [f"{noun} followed by a bang" for noun in ("Rain", "Wind", "Thunder")]
        server.replies = [lambda caption: wrote(f"A bang followed by {caption.split()[0].lower()}")]
        rows = [rewrite(caption, asked) for caption in captions]
        assert [len(several) for several in rows] == [1, 1, 2]
        assert "budget of 2 requests" in rows[2][0].reason
        assert len(server.asked) == 2
        few = writer(server, max_tokens=100)
        assert rewrite(captions[0], few)[0].method == "llm"
        assert "budget of 100 tokens" in rewrite(captions[1], few)[0].reason


class TestCommand:
    @pytest.fixture
    def table(self, tmp_path: Path) -> Path:
        file = tmp_path / "captions.csv"
        file.write_text(f'id,caption,note\n1,{CAPTION},x\n2,Rain falls,"a, b"\n3,"A hum, then a click",\n')
        return file

    def run(self, *arguments: object) -> str:
        result = CliRunner().invoke(app, ["rewrite", *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return result.output

    def rows(self, file: Path) -> list[dict[str, str]]:
        with file.open(newline="", encoding="utf-8") as opened:
            return list(csv.DictReader(opened))

    def test_by_rule(self, table: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.csv"
        assert "2 of 3 captions contradicted (2 by swap)" in self.run("--data", table, "--out", out)
        rows = self.rows(out)
        assert list(rows[0]) == ["id", "caption", "note", "contradiction", "method", "reason"]
        assert [row["contradiction"] for row in rows] == [RIGHT, "", "A click, then a hum"]
        assert rows[1]["note"] == "a, b"
        assert rows[1]["reason"] == "no order is told"

    def test_by_a_model(
        self, table: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out.csv"
        monkeypatch.setenv("CHRONOCLAP_LLM_MODEL", "tiny")
        server.replies = [lambda caption: wrote(RIGHT)]  # right for the first, wrong for the third
        said_ = self.run("--data", table, "--out", out, "--llm", server.url)
        assert "2 requests to tiny, 200 tokens read and 40 written" in said_
        rows = self.rows(out)
        assert [(row["id"], row["method"]) for row in rows] == [
            ("1", "llm"),
            ("2", ""),
            ("3", "llm"),
            ("3", "swap"),
        ]
        assert "leaves out" in rows[2]["reason"]
        self.run("--data", table, "--out", tmp_path / "again.csv", "--llm", server.url)
        assert len(server.asked) == 4  # another table, other answers beside it
        self.run("--data", table, "--out", out, "--llm", server.url)
        assert len(server.asked) == 4

    def test_several_are_asked_at_once_and_no_more(
        self, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "many.csv"
        file.write_text("caption\n" + "\n".join(f"Horn {n} followed by a bang" for n in range(12)) + "\n")
        monkeypatch.setenv("CHRONOCLAP_LLM_MODEL", "tiny")
        server.wait = 0.05
        server.replies = [lambda caption: wrote(f"A bang followed by horn {caption.split()[1]}")]
        out = tmp_path / "out.csv"
        self.run("--data", file, "--out", out, "--llm", server.url, "--together", 3)
        assert 2 <= server.most <= 3
        assert [row["contradiction"] for row in self.rows(out)] == [
            f"A bang followed by horn {n}" for n in range(12)
        ]

    def test_what_is_missing_is_said(
        self, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def error(*arguments: object) -> str:
            result = CliRunner().invoke(
                app, ["rewrite", *map(str, arguments), "--out", str(tmp_path / "o.csv")]
            )
            assert result.exit_code == 1
            assert not (tmp_path / "o.csv").exists()
            return result.output

        monkeypatch.delenv("CHRONOCLAP_LLM_MODEL", raising=False)
        assert "CHRONOCLAP_LLM_MODEL" in error("--data", table, "--llm", "http://127.0.0.1:9/v1")
        assert "no column 'text' among id, caption, note" in error("--data", table, "--column", "text")
        table.write_text("caption\nA dog barks\n \n")
        assert "row 3 has no caption" in error("--data", table)


def test_the_environment_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHRONOCLAP_LLM_MODEL", raising=False)
    with pytest.raises(DataError, match="CHRONOCLAP_LLM_MODEL"):
        Endpoint.from_environment("http://127.0.0.1/v1")
    monkeypatch.setenv("CHRONOCLAP_LLM_MODEL", "tiny")
    monkeypatch.delenv("CHRONOCLAP_LLM_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert Endpoint.from_environment("http://127.0.0.1/v1").key == "sk-1"

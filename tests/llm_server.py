"""A server that speaks OpenAI's chat completions on loopback, answers by script, and misbehaves on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """To one call. Usage is counted in words."""

    text: str = ""
    finish_reason: str = "stop"
    after_s: float = 0.0
    status: int = 200
    error: str = "no"
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False
    """Close the connection without a word."""
    cut: bool = False
    """Send half of the body."""
    body: bytes | None = None
    """Instead of all that."""


Script = Callable[[dict[str, Any], int], Answer]
"""(body of the call, how many calls with this body came before) -> answer"""


@dataclass
class Server:
    url: str
    script: Script
    calls: list[dict[str, Any]] = field(default_factory=list)
    """Bodies, in the order in which they came."""
    keys: set[str] = field(default_factory=set)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prompts(self) -> list[str]:
        return [prompt_of(body) for body in self.calls]

    def begin(self, body: dict[str, Any]) -> int:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            before = sum(call == body for call in self.calls)
            self.calls.append(body)
            return before

    def end(self) -> None:
        with self._lock:
            self._now -= 1


def prompt_of(body: dict[str, Any]) -> str:
    return str(body["messages"][0]["content"])


def model_list(body: dict[str, Any], before: int) -> Answer:
    return Answer(text="ok")


@contextmanager
def llm_server(script: Script = model_list) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Not into the test's output."""

        def do_GET(self) -> None:
            found.keys.add(self.headers.get("Authorization", ""))
            self._send(Answer(body=b'{"object": "list", "data": []}'))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.keys.add(self.headers.get("Authorization", ""))
            answer = found.script(body, found.begin(body))
            time.sleep(answer.after_s)
            found.end()
            if answer.reset:
                self.close_connection = True
                return
            self._send(answer, _body(body, answer))

        def _send(self, answer: Answer, data: bytes = b"") -> None:
            data = answer.body if answer.body is not None else data
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if answer.cut else data)
            if answer.cut:
                self.close_connection = True

    class Threads(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    server = Threads(("127.0.0.1", 0), Handler)
    found = Server(f"http://127.0.0.1:{server.server_port}/v1", script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def _body(body: dict[str, Any], answer: Answer) -> bytes:
    if answer.status != 200:
        return json.dumps({"error": {"message": answer.error, "param": answer.param, "code": None}}).encode()
    message = {"role": "assistant", "content": answer.text}
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
    prompt, completion = len(prompt_of(body).split()), len(answer.text.split())
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    reply = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"]}
    return json.dumps(reply | {"choices": [choice], "usage": usage}).encode()

"""A tiny OpenAI-compatible server on this machine, which answers well or badly."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


class LanguageServer(ThreadingHTTPServer):
    """Says FOO of messages with `good` in them.

    Attributes:
        manner: ok, down (503), slow, rubbish, huge, form (JSON of another form), or cut (no JSON).
        prompts: What it was asked, in order.
        released: It waits for this before it answers, if it is `held`.
    """

    daemon_threads = True

    def __init__(self, manner: str = "ok") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manner, self.prompts = manner, list[str]()
        self.released = Event()
        self.released.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def answer(self, prompt: str) -> bytes:
        manner = self.manner
        if manner == "rubbish":
            return _reply("1: I like turtles.\n2: FOO or BAR? FOO BAR\n2: BAR\n99: FOO\nxx")
        if manner == "huge":
            return _reply("FOO " * (1 << 20))
        if manner == "form":
            return b'{"choices": [{"message": 3}]}'
        if manner == "cut":
            return b'{"choices": [{"mess'
        lines = re.findall(r"(?m)^(\d+): (.*)$", prompt)
        return _reply("\n".join(f"{n}: So it is. {_label(text)}" for n, text in lines))


class _Handler(BaseHTTPRequestHandler):
    server: LanguageServer

    def do_GET(self) -> None:
        self._send(503 if self.server.manner == "down" else 200, b"{}")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.prompts.append(asked["messages"][0]["content"])
        self.server.released.wait(10)
        if self.server.manner == "slow":
            time.sleep(1.0)
        status = 503 if self.server.manner == "down" else 200
        self._send(status, self.server.answer(self.server.prompts[-1]))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # the client has had enough
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def serving(manner: str = "ok") -> Iterator[LanguageServer]:
    """Such a server, while it is needed."""
    with LanguageServer(manner) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()


def _reply(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


def _label(text: str) -> str:
    good = ["good" in part for part in text.split(" | ")]
    if len(good) == 1:
        return "FOO" if good[0] else "BAR"
    return "BAZ" if good[0] == good[1] else "FOO" if good[0] else "BAR"

"""Somebody else's scanner, scripted: what it was asked, and how it answers."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e.provider import Request


@dataclass
class ScannerApi:
    """Answers each question with what ``answer`` makes of it."""

    answer: Callable[[Any], Any] = lambda _: {}
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: bytes | None = None
    """Sent in place of an answer."""
    answers: threading.Event = field(default_factory=threading.Event)
    """Cleared: it listens and says nothing."""
    trickle_s: float = 0.0
    """One byte of an endless answer so often."""
    got: list[Request] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[Any]:
        return [json.loads(request.body) for request in self.got]


@contextmanager
def serving(api: ScannerApi) -> Iterator[ScannerApi]:
    """Answer on a free port until the end of the block."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = [(name.lower(), value) for name, value in self.headers.items()]
            api.got.append(Request(line=self.requestline, headers=headers, body=body, connection=0))
            api.connections.add(self.client_address)
            api.answers.wait()
            if is_over.is_set():
                return
            text = api.text if api.text is not None else json.dumps(api.answer(json.loads(body))).encode()
            self.send_response(api.status)
            for name, value in api.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(10**9 if api.trickle_s else len(text)))
            self.end_headers()
            self.wfile.write(text)
            while api.trickle_s and not is_over.is_set():
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(api.trickle_s)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # who asked has gone

    api.answers.set()
    server = Server(("127.0.0.1", 0), Handler)
    api.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        is_over.set()
        api.answers.set()
        server.shutdown()
        server.server_close()
        thread.join(60)

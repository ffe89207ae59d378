"""Where alerts are posted, scripted: what it got, and how it answers."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """Answers with the next of ``statuses``, and 204 once there is none left."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every answer."""
    answers: threading.Event = field(default_factory=threading.Event)
    """Cleared: it listens and says nothing."""
    trickle_s: float = 0.0
    """One byte of an endless answer so often; 0: it answers at once."""
    got: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    """Path, headers and event of each request, also of those that were refused."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/budgets"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, _, event in self.got]


@contextmanager
def serving(webhook: Webhook) -> Iterator[Webhook]:
    """Answer on its port, any free one for 0, until the end of the block."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            webhook.got.append((self.path, headers, json.loads(text)))
            while webhook.trickle_s and not is_over.is_set():
                self.connection.sendall(b"H")
                time.sleep(webhook.trickle_s)
            webhook.answers.wait()
            if is_over.is_set():
                return
            self.send_response(webhook.statuses.pop(0) if webhook.statuses else 204)
            for name, value in webhook.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # who asked has gone

    webhook.answers.set()
    server = Server(("127.0.0.1", webhook.port), Handler)
    webhook.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield webhook
    finally:
        is_over.set()
        webhook.answers.set()
        server.shutdown()
        server.server_close()
        thread.join(60)

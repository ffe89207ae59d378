"""A scripted admin interface in Envoy's place, and the command as it is typed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from click.testing import CliRunner, Result

from extproc.cli.main import main

EMPTY = {
    "/listeners": json.dumps({}),
    "/clusters": json.dumps({}),
    "/stats": json.dumps({}),
    "/ready": "LIVE\n",
    "/healthcheck/fail": "OK\n",
    "/drain_listeners": "OK\n",
    "/logging": "active loggers:\n",
}


class _Handler(BaseHTTPRequestHandler):
    answers: dict[str, str]
    calls: list[str]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.calls.append(f"{self.command} {self.path}")
        # The more exact answer first: /stats is asked with several filters.
        known = next((self.answers[key] for key in (self.path, self.path.split("?")[0]) if key in self.answers), None)
        self.send_response(503 if known is None else 200)
        self.end_headers()
        self.wfile.write((known or "no").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class ScriptedAdmin:
    """What it answers by path, and what it was asked."""

    def __init__(self) -> None:
        self.answers = dict(EMPTY)
        self.calls: list[str] = []
        handler = type("Handler", (_Handler,), {"answers": self.answers, "calls": self.calls})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def run_admin() -> Iterator[ScriptedAdmin]:
    """One admin interface on a free port."""
    made = ScriptedAdmin()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def typed(*words: str, **environment: str) -> Result:
    """A command with nothing of the gateway in its environment but what is given."""
    return CliRunner(env={"COLUMNS": "200", **environment}).invoke(main, words)

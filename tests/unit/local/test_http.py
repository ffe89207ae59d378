from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from extproc.local.http import HttpFailed, call
from extproc.local.problems import free_port


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/json" else 404)
        self.end_headers()
        self.wfile.write(b'{"a": 1}' if self.path == "/json" else b"<html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


async def test_a_json_answer_is_parsed_and_any_other_is_not_an_error() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        assert await call(server.server_port, "GET", "/json") == (200, {"a": 1})
        assert await call(server.server_port, "GET", "/other") == (404, None)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_nobody_there_is_told_without_the_body_that_was_sent() -> None:
    with pytest.raises(HttpFailed, match="PUT /v1/sys/unseal") as failed:
        await call(free_port(), "PUT", "/v1/sys/unseal", {"key": "the unseal key"})
    assert "the unseal key" not in str(failed.value)

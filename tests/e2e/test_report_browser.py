"""The page of a report of spend in a real browser, where there is one: it shows all, runs nothing, fetches nothing."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.report_picture import browse, find_browser
from extproc.cli.report_html import spend_html
from extproc.operations.reports import By
from tests.spend_rows import NOON, spend_row
from tests.unit.cli.reports import adjustment, euro, spend

BROWSER = find_browser()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium, or set CHROMIUM")


@dataclass
class Elsewhere:
    """A server that no page of ours may ask."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    def attacks(self) -> tuple[str, ...]:
        image = f"http://127.0.0.1:{self.port}"
        return (
            "<script>document.title='ran'</script>",
            f'"><img src={image}/image onerror="document.title=\'ran\'">',
            f"</style><style>body{{background:url({image}/style)}}</style><script>document.title='ran'</script>",
            f"</title><svg onload=\"document.title='ran'\"><image href={image}/svg></svg>",
            f"<link rel=stylesheet href={image}/link><iframe src={image}/frame></iframe>",
            f'<meta http-equiv=refresh content="0;url={image}/away">',
        )


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    found = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(60)


def opened(page: Path, text: str) -> str:
    """What the browser makes of it, once it has had time to run and fetch."""
    assert BROWSER is not None
    page.write_text(text, encoding="utf-8")
    done = browse(BROWSER, page, "--virtual-time-budget=2000", "--dump-dom")
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_page_of_hostile_names_shows_them_and_runs_and_fetches_nothing(elsewhere: Elsewhere, tmp_path: Path) -> None:
    attacks = elsewhere.attacks()
    rows = [
        spend_row(NOON, 1_000_000 + place, model=text, deployment=text, tags=(text,), key=text, price_version=text)
        for place, text in enumerate(attacks)
    ]
    called = dict.fromkeys(attacks, attacks[0])
    report = spend(
        rows, By.MODEL, By.TAG, By.KEY, By.DEPLOYMENT, adjustments=[adjustment(reason=attacks[1])], keys=called
    )
    dom = opened(tmp_path / "page.html", spend_html(report, euro()))
    assert "<title>LLM spend, all organisations" in dom
    assert "3.500015" in dom
    assert "<script" not in dom
    assert elsewhere.asked == []


def test_a_page_that_does_not_escape_would_be_noticed(elsewhere: Elsewhere, tmp_path: Path) -> None:
    dom = opened(tmp_path / "page.html", f"<!doctype html><title>x</title><body>{' '.join(elsewhere.attacks()[:2])}")
    assert "<title>ran</title>" in dom
    assert "/image" in elsewhere.asked

"""The picture of a report of spend in the documentation: a seeded ledger, the real command, a real browser.

    PYTHONPATH=. python bench/report_picture.py [picture.png]

The browser is Chromium as Debian packages it (``apt-get install chromium``), or what CHROMIUM names; there is none in a
Python package. The same figures come out every time; only the moment of the report is another. Exit codes: 0 drawn;
1 no browser, or it drew nothing.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.reports import fill
from tests.servers import run_postgres

ROWS = 200_000
SIZE = (1360, 1560)
PICTURE = Path(__file__).parents[1] / "docs/reports.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
QUESTION = ("--by", "project,feature", "--from", "2026-11", "--to", "2026-11", "--currency", "EUR", "--rate", "0.92")
ADJUST = (
    *("adj_credit-4711", "--amount-usd", "-120.50", "--reason", "credit note 4711", "--at", "2026-11-03"),
    *(
        "--organisation",
        "acme",
        "--team",
        "search",
        "--change",
        "CHG-9",
        "--approver",
        "grace",
        "--actor",
        "ada",
        "--yes",
    ),
)


def find_browser() -> str | None:
    """Chromium, where there is one."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for each in BROWSERS if (found := shutil.which(each))), None)


def browse(browser: str, page: Path, *options: str, limit_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Open a page in a browser without a window, with a profile of its own, and see what it says."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(browser, "--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
            *("--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"),
            # Its sandbox cannot be set up by root; the page is ours, and forbids scripts.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            f"--user-data-dir={profile}",
            *(*options, page.as_uri()),
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)


def write_page(dsn: str, page: Path) -> None:
    """The page as the command writes it."""
    environment = {**os.environ, "EXTPROC_POSTGRES_DSN": dsn, "EXTPROC_REDIS_URL": "redis://127.0.0.1:1/0"}
    for words in (
        ("ledger", "adjust", *ADJUST),
        ("report", "spend", *QUESTION, "--format", "html", "--out", str(page)),
    ):
        subprocess.run([sys.executable, "-m", "extproc", *words], env=environment, check=True)


def main(picture: Path) -> int:
    """Fill, report, draw."""
    browser = find_browser()
    if browser is None:
        print(f"no browser: install Debian's chromium, or name one in CHROMIUM; looked for {', '.join(BROWSERS)}")
        return 1
    with tempfile.TemporaryDirectory() as directory, run_postgres() as server:
        page, drawn = Path(directory, "page.html"), Path(directory, "page.png")
        dsn = server.dsn("migrated")
        fill(dsn, ROWS)
        write_page(dsn, page)
        done = browse(browser, page, f"--window-size={SIZE[0]},{SIZE[1]}", f"--screenshot={drawn}")
        if not drawn.exists():
            print(done.stderr)
            return 1
        shutil.copyfile(drawn, picture)
    print(f"drew {picture}, {picture.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE))

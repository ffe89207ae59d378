"""Notices that a gateway.yaml says something else. Read ``gateway`` for what it gives.

Polls, and compares what the file says, not its times: a ConfigMap is swapped by a symlink two levels up, an editor
renames, a copy keeps the old time, and all of them end in other content at the same path. A file that is bad, or for a
moment not there, changes nothing: the caller keeps the snapshot it has and is told once what is wrong.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import structlog

from extproc.config.gateway import Gateway, GatewayInvalid, load


def log_invalid(invalid: GatewayInvalid) -> None:
    """Say in the log what is wrong with a file that is not taken."""
    problems = [str(problem) for problem in invalid.problems]
    structlog.get_logger("extproc.config").error("configuration_invalid", source=invalid.source, problems=problems)


def utc_today() -> date:
    """The day by which prices hold."""
    return datetime.now(UTC).date()


@dataclass(slots=True)
class GatewayWatch:
    """One file, watched by one reader that polls it as often as it likes."""

    path: Path
    current: Gateway
    """The last good snapshot."""
    today: Callable[[], date] = utc_today
    _seen: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        # The file may have changed since ``current`` was read; then the first poll says so, once too often at worst.
        self._seen = None

    def poll(self) -> Gateway | GatewayInvalid | None:
        """What changed since the last call: a new snapshot, or why there is none; None where nothing did.

        Blocks: a file of 1,000 deployments takes half a second. Whoever serves requests calls it in a thread.
        """
        # Prices change with their file, and with the day.
        prices = b"" if self.current.price_file is None else _fingerprint(Path(self.current.price_file))
        today = self.today()
        before, self._seen = self._seen, b"|".join((_fingerprint(self.path), prices, str(today).encode()))
        if self._seen == before:
            return None
        try:
            gateway = load(self.path, today)
        except GatewayInvalid as invalid:
            return invalid
        if gateway == self.current:
            return None  # comments and spelling
        self.current = gateway
        return gateway


def _fingerprint(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        return repr(error.errno).encode()

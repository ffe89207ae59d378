"""The composition root of a scanner service: its file → scanners with their models → gRPC.

Runs in an environment of its own, ``requirements/scanner.txt``: LLM Guard pins versions that the gateway cannot share.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from extproc.adapters.hosted_llm_guard import open_llm_guard
from extproc.adapters.hosted_presidio import open_presidio
from extproc.config.scanner_service import (
    LlmGuardSection,
    PresidioSection,
    ScannerFileInvalid,
    ScannerServiceSection,
    load_scanner_service,
)
from extproc.policy.hosted_ports import HostedScanner
from extproc.wire.scanner_server import ScannerDoor, ServiceKeys, ServiceSize, serve_scanners

__all__ = ["ScannerFileInvalid", "ServiceKeys", "run_scanner_service"]

_STUCK = 70


def run_scanner_service(
    file: Path, address: str, keys: ServiceKeys | None, told: Callable[[str], None] = lambda _: None
) -> None:
    """Load every model, then serve until SIGTERM or SIGINT.

    Args:
        file: see ``config.scanner_service``.
        address: ``host:port`` or ``unix:/path``.
        keys: for TLS; None: in the clear.
        told: called once with a line when it serves.

    Raises:
        ScannerFileInvalid: the file, or a directory that it names, cannot be used.
        OSError: the address cannot be bound, or the keys cannot be read.
        ImportError: this is not the scanner service's environment.
    """
    # What the libraries log may quote what they scan.
    logging.disable(logging.CRITICAL)
    section = load_scanner_service(file)
    hosted = host(section, file.parent)
    size = ServiceSize(section.threads, section.most_waiting, section.most_characters, section.stuck_s)
    door = ScannerDoor(hosted, size, _end_stuck)
    asyncio.run(_serve(door, address, keys, lambda port: told(f"scanners {', '.join(hosted)} at {_at(address, port)}")))


def host(section: ScannerServiceSection, root: Path) -> dict[str, HostedScanner]:
    """The scanners that the file names, loaded.

    Raises:
        ScannerFileInvalid: a directory holds nothing that its scanner can use.
    """
    hosted: dict[str, HostedScanner] = {}
    for name, each in section.scanners.items():
        try:
            hosted[name] = _open(each, root)
        except ValueError as error:
            raise ScannerFileInvalid(f"scanners.{name}: {error}") from None
    return hosted


def _open(section: LlmGuardSection | PresidioSection, root: Path) -> HostedScanner:
    match section:
        case LlmGuardSection():
            return open_llm_guard(
                section.scanner,
                root / section.directory,
                threshold=section.threshold,
                topics=section.topics,
                window_tokens=section.window_tokens,
                overlap_tokens=section.overlap_tokens,
            )
        case PresidioSection():
            return open_presidio(root / section.directory, language=section.language, entities=section.entities)
        case _:
            assert_never(section)


async def _serve(door: ScannerDoor, address: str, keys: ServiceKeys | None, tell: Callable[[int], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve_scanners(door, address, stop, keys=keys, tell=tell)


def _at(address: str, port: int) -> str:
    """The address as it is, where its port was left open."""
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"


def _end_stuck() -> None:
    # A thread cannot be stopped, and an interpreter that ends waits for its threads.
    sys.stderr.write("a scan does not end: the service does\n")
    sys.stderr.flush()
    os._exit(_STUCK)

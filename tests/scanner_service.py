"""A scanner service in a process of its own, to be killed and stopped: the one of ``scanner_child``."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]


class ScannerService:
    """On a port of its own; started, signalled and ended by hand."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        environment = {"PYTHONPATH": os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])}
        self.process = await asyncio.to_thread(
            lambda: subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "scanner_child.py"), self.address],
                stdout=subprocess.PIPE,
                env=environment,
            )
        )
        assert self.process.stdout is not None
        assert await asyncio.to_thread(self.process.stdout.readline)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
                self.process.kill()
            await asyncio.to_thread(self.process.wait, 10)
            assert self.process.stdout is not None
            self.process.stdout.close()

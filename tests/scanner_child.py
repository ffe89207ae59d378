"""A scanner service in a process of its own, for tests that kill or stop it: its one scanner looks for a word."""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence

from extproc.policy.hosted_ports import Found
from extproc.wire.scanner_server import ScannerDoor, serve_scanners


class Words:
    """Finds ``attack``; ``sleep`` makes it slow."""

    def scan(self, texts: Sequence[str]) -> Sequence[Found]:
        if any("sleep" in text for text in texts):
            time.sleep(60)
        return [
            Found(number, "attack", start, start + 6, 0.9)
            for number, text in enumerate(texts)
            if (start := text.find("attack")) >= 0
        ]


async def main(address: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    door = ScannerDoor({"words": Words()})
    await serve_scanners(door, address, stop, tell=lambda port: print(port, flush=True))  # noqa: T201 - the test reads


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

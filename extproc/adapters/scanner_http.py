"""What scanners that are somebody else's HTTP API share: pieces of texts, and questions in JSON off the event loop.

Connections are kept and reused. A question has a thread of its own until the address has answered or its time is up,
so an address that trickles its answer holds a bounded number of threads and nothing else. Redirects are not followed,
since they would carry the credential elsewhere, and nothing that an address says is repeated.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import requests
from urllib3.exceptions import HTTPError

from extproc.model.guard import Leaf, Trust
from extproc.model.refusals import Unavailable

_MOST_THREADS = 64
_MOST_ANSWER_BYTES = 4 * 1024 * 1024
_AT_ONCE = 8
"""Questions of one scan."""
_OVERLAP = 200
"""Characters that two pieces of a text share."""
_OK = 200
_PLAIN = {"accept-encoding": "identity"}
_REJECTED = frozenset({401, 403})
_BASIC_PLANE = "\uffff"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a leaf, as long as the API takes."""

    leaf: Leaf
    start: int
    text: str

    @property
    def end(self) -> int:
        """In characters of the leaf."""
        return self.start + len(self.text)


def pieces_of(leaves: Iterable[Leaf], trusts: Sequence[Trust], most: int) -> list[Piece]:
    """The texts to be judged, none longer than ``most`` characters, whichever way the API counts those."""
    pieces: list[Piece] = []
    for leaf in leaves:
        if leaf.trust not in trusts or not leaf.text:
            continue
        # What JSON may carry and UTF-8 may not is replaced, character for character.
        text = leaf.text if leaf.text.isascii() else leaf.text.encode("utf-8", "replace").decode()
        # Some count in UTF-16, where a character beyond the basic plane is two.
        size = most if max(text) <= _BASIC_PLANE else most // 2
        starts = range(0, max(1, len(text) - _OVERLAP), size - _OVERLAP)
        pieces.extend(Piece(leaf, start, text[start : start + size]) for start in starts)
    return pieces


async def all_of(questions: Iterable[Coroutine[object, object, _T]]) -> list[_T]:
    """Every answer, in order, a few questions at a time.

    Raises:
        Whatever the first one that fails raises; the others are given up.
    """
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(question: Coroutine[object, object, _T]) -> _T:
        async with turns:
            return await question

    begun = list(questions)
    tasks = [asyncio.create_task(one(question)) for question in begun]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for question in begun:
            question.close()  # of one that never had its turn


class JsonPoster:
    """Use from one event loop."""

    def __init__(self, name: str, on_rejected: Callable[[], None], *, most_threads: int = _MOST_THREADS) -> None:
        """``name`` is what ``Unavailable`` calls it; ``on_rejected`` hears that the credential was not taken."""
        self._name = name
        self._on_rejected = on_rejected
        self._most_threads = most_threads
        self._sessions: list[requests.Session] = []
        self.under_way = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, limit_s: float) -> object:
        """The answer's JSON.

        Raises:
            Unavailable: none in time, or not one that can be read.
        """
        if self.under_way >= self._most_threads:
            raise Unavailable(self._name, "too many questions are under way")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[int, object] | str] = loop.create_future()

        def settle(outcome: tuple[int, object] | str) -> None:
            self.under_way -= 1
            if not answer.done():
                answer.set_result(outcome)

        def work() -> None:
            outcome: tuple[int, object] | str = "the thread failed"
            try:
                outcome = self._send(url, headers, body, limit_s)
            finally:
                with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
                    loop.call_soon_threadsafe(settle, outcome)

        self.under_way += 1
        threading.Thread(target=work, name=f"scanner-{self._name}", daemon=True).start()
        try:
            async with asyncio.timeout(limit_s):
                outcome = await answer
        except TimeoutError:
            raise Unavailable(self._name, "no answer in time") from None
        if isinstance(outcome, str):
            raise Unavailable(self._name, outcome)
        status, document = outcome
        if status in _REJECTED:
            self._on_rejected()
        if status != _OK:
            raise Unavailable(self._name, f"answered {status}")
        return document

    def nonsense(self) -> Unavailable:
        """What to raise where an answer has not the documented form."""
        return Unavailable(self._name, "its answer makes no sense")

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._sessions:
            self._sessions.pop().close()

    def _send(self, url: str, headers: Mapping[str, str], body: bytes, limit_s: float) -> tuple[int, object] | str:
        until_s = time.monotonic() + limit_s
        try:
            session = self._sessions.pop()
        except IndexError:
            session = requests.Session()
            # Proxies and ~/.netrc of whoever started us have no part in this.
            session.trust_env = False
        is_reusable = False
        try:
            with session.post(
                url, data=body, headers={**headers, **_PLAIN}, timeout=limit_s, allow_redirects=False, stream=True
            ) as response:
                text = b""
                # What there is, and not until so much is there: an answer that trickles is noticed.
                while part := response.raw.read1(65536):
                    text += part
                    if len(text) > _MOST_ANSWER_BYTES or time.monotonic() > until_s:
                        return "its answer has no end"
                document = json.loads(text) if response.status_code == _OK else None
                is_reusable = True
                return response.status_code, document
        except (requests.RequestException, HTTPError) as error:
            # Only the kind: the message has the address, and may have more.
            return type(error).__name__
        except (ValueError, RecursionError):
            return "its answer is no JSON"
        finally:
            if is_reusable:
                self._sessions.append(session)
            else:
                session.close()

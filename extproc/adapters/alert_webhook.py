"""Alerts of budgets: one ``budget_alert`` line of the log for each, and the same to the address gateway.yaml names.

Nothing waits for the address: an alert is noted and posted behind the request's back, one at a time and in order. One
that could not be posted is tried again a few times, then dropped, counted and logged; so is the oldest where too many
wait. An alert that timed out may have arrived all the same: its ``id`` stays the same, to be told once by the receiver.
What waits is in memory only and is lost with a worker that is killed; the line in the log is not.
"""

import asyncio
import contextlib
import json
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import requests
import structlog

from extproc.model.limits import Crossing
from extproc.policy.ports import Clock

_DEADLINE_S = 5.0
_PAUSES_S = (1.0, 5.0, 20.0, 60.0)
"""Before each further try."""
_MOST_WAITING = 1000
_FIRST_OK, _FIRST_REDIRECT, _FIRST_SERVER_ERROR = 200, 300, 500
_AGAIN = frozenset({408, 425, 429})
"""Refusals that may be others later."""


@dataclass(frozen=True, slots=True)
class _Alert:
    organisation: str
    crossing: Crossing
    body: bytes


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    is_final: bool = False


class AlertWebhook:
    """``tell`` notes; ``run`` must be running for anything to be posted. Use from one event loop."""

    def __init__(
        self,
        url: Callable[[], str | None],
        clock: Clock,
        *,
        deadline_s: float = _DEADLINE_S,
        pauses_s: Sequence[float] = _PAUSES_S,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        """``url`` is asked before each try, so that a change of gateway.yaml holds at once; None: only the log."""
        self._url = url
        self._clock = clock
        self._deadline_s = deadline_s
        self._pauses_s = tuple(pauses_s)
        self._most_waiting = most_waiting
        self._waiting: deque[_Alert] = deque()
        self._current: _Alert | None = None
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._is_posting = False
        self._log = structlog.get_logger("extproc.budgets")
        self.dropped = 0
        """Alerts that the address was not told of."""

    def tell(self, organisation: str, crossing: Crossing) -> None:
        """Log one alert, and post it later. Never waits and never fails."""
        facts = {
            "organisation": organisation,
            "budget": str(crossing.budget),
            "percent": crossing.percent,
            "used": crossing.used,
            "of": crossing.of,
            "unit": crossing.unit.value,
        }
        self._log.warning("budget_alert", **facts)
        if self._url() is None:
            return
        at = datetime.fromtimestamp(self._clock.now_s(), UTC).isoformat(timespec="milliseconds")
        body = json.dumps({"event": "budget_alert", "id": str(uuid.uuid4()), **facts, "at": at}).encode()
        if len(self._waiting) >= self._most_waiting:
            self._drop(self._waiting.popleft(), "too many wait")
        self._waiting.append(_Alert(organisation, crossing, body))
        self._empty.clear()
        self._wake.set()

    async def run(self) -> None:
        """Post what is told until cancelled."""
        while True:
            while self._waiting:
                self._current = self._waiting.popleft()
                await self._deliver(self._current)
                self._current = None
            self._empty.set()
            self._wake.clear()
            await self._wake.wait()

    async def flush(self, limit_s: float) -> None:
        """At the end of a worker: let ``run`` post what waits for as long as this, without pauses between tries."""
        self._hurry.set()
        try:
            async with asyncio.timeout(limit_s):
                await self._empty.wait()
        except TimeoutError:
            for alert in (self._current, *self._waiting):
                if alert is not None:
                    self._drop(alert, "the worker ended")
            self._waiting.clear()

    async def _deliver(self, alert: _Alert) -> None:
        for pause_s in (*self._pauses_s, None):
            url = self._url()
            failure = _Failure("no address any more", is_final=True) if url is None else await self._post(url, alert)
            if failure is None:
                return
            if failure.is_final or pause_s is None:
                self._drop(alert, failure.reason)
                return
            self._log.warning("budget_alert_delayed", budget=alert.crossing.budget, reason=failure.reason)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._hurry.wait()

    def _drop(self, alert: _Alert, reason: str) -> None:
        self.dropped += 1
        self._log.error(
            "budget_alert_dropped",
            organisation=alert.organisation,
            budget=alert.crossing.budget,
            percent=alert.crossing.percent,
            reason=reason,
            dropped=self.dropped,
        )

    async def _post(self, url: str, alert: _Alert) -> _Failure | None:
        if self._is_posting:
            return _Failure("the address still holds an earlier try")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Failure | None] = loop.create_future()

        def settle(failure: _Failure | None) -> None:
            self._is_posting = False
            if not answer.done():
                answer.set_result(failure)

        def work() -> None:
            failure: _Failure | None = _Failure("the thread failed")
            try:
                failure = _send(url, alert.body, self._deadline_s)
            finally:
                with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
                    loop.call_soon_threadsafe(settle, failure)

        # Not the loop's executor: an address that trickles its answer would keep the process from ending.
        threading.Thread(target=work, name="alert-webhook", daemon=True).start()
        self._is_posting = True
        try:
            async with asyncio.timeout(self._deadline_s):
                return await answer
        except TimeoutError:
            return _Failure("no answer in time")


def _send(url: str, body: bytes, deadline_s: float) -> _Failure | None:
    headers = {"content-type": "application/json", "user-agent": "extproc"}
    try:
        with requests.Session() as http:
            # Proxies and ~/.netrc of whoever started us have no part in this.
            http.trust_env = False
            # An answer's body is nothing to us, and a redirect would lead where nobody said.
            with http.post(
                url, data=body, headers=headers, timeout=deadline_s, allow_redirects=False, stream=True
            ) as response:
                status = response.status_code
    except (OSError, ValueError) as error:  # requests' own are of one or the other kind
        # Only the kind: the message has the address, which may be a secret of its own.
        return _Failure(type(error).__name__)
    if _FIRST_OK <= status < _FIRST_REDIRECT:
        return None
    return _Failure(f"answered {status}", is_final=status < _FIRST_SERVER_ERROR and status not in _AGAIN)

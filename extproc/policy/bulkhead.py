"""How much of one organisation may be under way, so that it cannot take what others need.

    async with bulkhead.turn(organisation): …

A turn is waited for in the order of asking, up to a number; beyond that it is refused at once.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from extproc.model.refusals import Unavailable


@dataclass(frozen=True, slots=True)
class BulkheadPolicy:
    """Of one organisation."""

    most_running: int = 8
    most_waiting: int = 32


@dataclass(slots=True)
class _Place:
    running: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class Bulkhead:
    """Use from one event loop."""

    dependency: str
    """Named in what is raised."""
    policy: BulkheadPolicy = BulkheadPolicy()
    refused: int = 0
    _places: dict[str, _Place] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def turn(self, organisation: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it. The caller sets the deadline.

        Raises:
            Unavailable: too much of this organisation's waits already.
        """
        place = self._places.setdefault(organisation, _Place())
        if place.running < self.policy.most_running:
            place.running += 1
        elif len(place.waiting) >= self.policy.most_waiting:
            self.refused += 1
            raise Unavailable(self.dependency, "too much of this organisation's waits")
        else:
            await self._wait(place)
        try:
            yield
        finally:
            self._leave(organisation, place)

    async def _wait(self, place: _Place) -> None:
        """Until somebody who leaves passes a turn on."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place.waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on(place)
            else:
                with contextlib.suppress(ValueError):  # whoever left in the same moment has passed over it
                    place.waiting.remove(mine)
            raise

    def _leave(self, organisation: str, place: _Place) -> None:
        self._pass_on(place)
        if not place.running and not place.waiting:
            self._places.pop(organisation, None)

    def _pass_on(self, place: _Place) -> None:
        while place.waiting:
            following = place.waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        place.running -= 1

"""What the declaring of limits asks of the world: part of ``ports``, in a file of its own.

Every method is bounded by its adapter and raises ``Unavailable`` instead of hanging.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from extproc.model.keys import AdminEntry, Deed
from extproc.model.limit_records import LimitChange, LimitSet
from extproc.model.limits import LimitId


class LimitStore(Protocol):
    """The limits in force, for operators. All changes of one call and their rows of the admin log are one transaction.

    Every method raises Unavailable when the store cannot be asked.
    """

    async def read(self) -> LimitSet:
        """All that were ever declared, also those that are out of force."""
        ...

    async def change(self, changes: Sequence[LimitChange], deed: Deed, *, base: int | None = None) -> int:
        """Make every change, or none.

        Args:
            changes: each with the version its limit was seen at.
            deed: who, and which approval; in the row of the admin log that each change has.
            base: the version of the whole set that the changes were planned on; None: the rest does not matter.

        Returns:
            The set's version now.

        Raises:
            LimitConflict: a limit, or with ``base`` any of them, changed in the meantime.
            LimitProblem: an id would change its organisation or its unit.
        """
        ...

    async def history(self, identity: LimitId) -> tuple[AdminEntry, ...]:
        """Everything that was done to one limit, oldest first."""
        ...


class LimitFeed(Protocol):
    """What changed among the limits. The net below ``LimitWord``."""

    async def limits_since(self, version: int | None) -> LimitSet:
        """Those that changed after a version; all of them for None, and for a version that is yet to come.

        Raises:
            Unavailable: the store cannot be asked, or has a limit that this version of the gateway does not know.
        """
        ...


class LimitWord(Protocol):
    """Word to every worker that limits changed: quick, and allowed to get lost."""

    async def publish(self, version: int) -> None:
        """Tell whoever listens now.

        Raises:
            Unavailable: nobody was told.
        """
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        """Entered once subscribed: what is published from then on arrives, until the connection is lost.

        Raises:
            Unavailable: on entering or while iterating; what is published until the next subscription is missed.
        """
        ...


class LimitUse(Protocol):
    """What the shared counters have, for who only looks."""

    async def show(self, organisation: str, parts: Sequence[str]) -> list[tuple[int, int] | None]:
        """Used and held of each counter part; None where nobody asked for it lately.

        Raises:
            Unavailable: the counters cannot be asked.
        """
        ...

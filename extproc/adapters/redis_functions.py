"""Calls of ``budget.lua``: one deadline each, the functions installed where they are missing, one retry where it helps.

Every function is idempotent by reservation, so a call whose connection broke is made once more on a fresh one, within
the same deadline: after a failover that is the new primary. Calls that wait at the same time travel together. Read
next: ``budget.lua``, ``redis_lanes``, and ``redis_budgets`` for what is said to it.
"""

import asyncio
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from extproc.adapters.redis_lanes import RedisLanes
from extproc.model.refusals import Unavailable

LIBRARY = "extproc_budget"
VERSION = 3
DEADLINE_S = 1.0


class FunctionsMissing(Unavailable):
    """Redis does not have the library, or an older one without this function."""


class BudgetFunctions:
    """The library on one Redis, or on every primary of a Cluster."""

    def __init__(self, redis: Redis, *, deadline_s: float = DEADLINE_S) -> None:
        """``deadline_s`` is for each call to Redis, retry included."""
        self._redis = redis
        self._deadline_s = deadline_s
        self.lanes = RedisLanes(redis, deadline_s)
        self._installing = asyncio.Lock()

    @property
    def is_cluster(self) -> bool:
        """Whether several servers answer, each for its own organisations."""
        return isinstance(self._redis, RedisCluster)

    async def install(self) -> bool:
        """Load the functions where Redis has none or older ones; whether it did. Newer ones are kept.

        Raises:
            Unavailable: Redis did not answer, or does not let us.
        """
        found = await self.do("FUNCTION LIST", "LIBRARYNAME", LIBRARY, "WITHCODE")
        # A Cluster answers by node.
        listed = list(found.values()) if isinstance(found, dict) else [found]
        if min(library_version(str(each)) for each in listed) >= VERSION:
            return False
        # Two workers at once load the same thing twice.
        await self.do("FUNCTION LOAD", "REPLACE", library())
        return True

    async def call(self, function: str, organisation: str, *arguments: str | float) -> Any:
        """What the function answers for the organisation.

        Raises:
            Unavailable: Redis did not answer in time, or answered with an error.
        """
        command = ("FCALL", f"{LIBRARY}_{function}", 1, f"b:{{{organisation}}}:", *arguments)
        try:
            return await self._call(*command)
        except FunctionsMissing:
            # A Redis that was replaced by an empty one: what it counted is loaded from the ledger, as it is missed.
            try:
                async with asyncio.timeout(self._deadline_s), self._installing:
                    await self.install()
            except TimeoutError:
                raise Unavailable("redis", "its functions were not installed in time") from None
            return await self._call(*command)

    async def identity(self) -> str:
        """Changes whenever another server answers, or the same one after a restart: it may have forgotten something.

        Raises:
            Unavailable
        """
        where: dict[str, Any] = {"target_nodes": RedisCluster.PRIMARIES} if self.is_cluster else {}
        found = await self.do("INFO", "server", "replication", **where)
        # redis-py answers by node, or with the one node's facts.
        nodes = [found] if "run_id" in found else list(found.values())
        # A server that was replaced, followed, and took over again has the same run id and has forgotten all the same.
        return " ".join(sorted(f"{node['run_id']}/{node['master_replid']}" for node in nodes))

    async def do(self, *command: str | float, **options: Any) -> Any:
        """One command.

        Raises:
            FunctionsMissing: it calls a function that Redis does not have.
            Unavailable: Redis did not answer in time, or answered with an error.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                try:
                    return await self._redis.execute_command(*command, **options)  # type: ignore[no-untyped-call]
                except BusyLoadingError:
                    raise
                except (RedisConnectionError, OSError):
                    return await self._redis.execute_command(*command, **options)  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            raise _trouble(error) from None

    async def _call(self, *command: str | float) -> Any:
        try:
            return await self.lanes.ask(*command)
        except (RedisError, OSError, TimeoutError) as error:
            raise _trouble(error) from None


def _trouble(error: Exception) -> Unavailable:
    if not isinstance(error, ResponseError):
        return Unavailable("redis", type(error).__name__)
    if "Function not found" in str(error):
        return FunctionsMissing("redis", "it has no functions of ours")
    # Its text may quote the command.
    return Unavailable("redis", str(error).partition(" ")[0][:40])


def library() -> str:
    """The functions' source."""
    return files("extproc.adapters").joinpath("budget.lua").read_text(encoding="utf-8")


def library_version(listed: str) -> int:
    """The version of a library as FUNCTION LIST shows it; 0: there is none."""
    _, found, rest = listed.partition("-- Version ")
    return int(rest.partition(".")[0]) if found else 0

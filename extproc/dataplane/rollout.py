"""One edited ``gateway.yaml`` → Envoy's files → Envoy → the workers, in this order.

Workers plan attempts over clusters by name, and a name Envoy does not know breaks the chain of attempts. So new files
are published, Envoy is asked until it lists every deployment's cluster, and only then the workers get their copy. What
is removed leaves in the opposite order by itself: the workers forget it now, Envoy one generation later (``swap``).
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from extproc.config.gateway import Gateway, GatewayInvalid, parse
from extproc.config.problems import Problem
from extproc.dataplane.render import render
from extproc.dataplane.swap import publish
from extproc.dataplane.target import Target
from extproc.dataplane.validate import EnvoyRefused, validate
from extproc.model import seams

_POLL_S = 0.5
_ASK_S = 0.05
_ENVOY_DEADLINE_S = 5.0


class NotTaken(Exception):  # noqa: N818 - reads as a claim
    """The new configuration is not in force; the one before is. The message says why."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a rollout reads and writes."""

    source: Path
    """The gateway.yaml that people edit."""
    target: Target
    envoy_dir: Path
    """What ``swap.publish`` is given."""
    accepted: Path
    """The workers' copy."""


class Rollout:
    """Use from one event loop."""

    def __init__(
        self,
        places: Places,
        known_clusters: Callable[[], frozenset[str]],
        envoy_program: Path | None = None,
        envoy_deadline_s: float = _ENVOY_DEADLINE_S,
    ) -> None:
        """``known_clusters`` blocks and gives the names Envoy has now, none while it is away.

        With ``envoy_program`` every change is validated by it first.
        """
        self._envoy_deadline_s = envoy_deadline_s
        self._places = places
        self._known_clusters = known_clusters
        self._envoy_program = envoy_program
        self._seen: str | None = None
        self._workers: int | None = None

    def begin(self) -> Gateway:
        """Publish everything at once, for an Envoy and workers that are not running yet.

        Raises:
            GatewayInvalid: the file has problems; nothing was published.
            OSError: a directory cannot be written.
        """
        text = _read(self._places.source)
        gateway = parse(text, str(self._places.source))
        self._workers = gateway.workers
        publish(render(gateway, self._places.target), self._places.envoy_dir)
        _accept(text, self._places.accepted)
        self._seen = text
        return gateway

    async def follow(self, tell: Callable[[str], None]) -> None:
        """Take every change of the file until cancelled. What cannot be taken is told once, and tried again."""
        told: str | None = None
        while True:
            await asyncio.sleep(_POLL_S)
            try:
                text = _read(self._places.source)
                if text == self._seen:
                    told = None
                    continue
                gateway = await self.take(text)
            except (NotTaken, GatewayInvalid, OSError) as error:
                if str(error) != told:
                    told = str(error)
                    tell(f"gateway.yaml was not taken, the one before stays in force: {error}")
                continue
            told = None
            tell(
                f"gateway.yaml was taken: {len(gateway.catalog.models)} models, version {gateway.catalog.version[:12]}"
            )
            if gateway.workers != self._workers:
                tell(f"workers: {gateway.workers} takes effect at the next start; until then {self._workers} run")

    async def take(self, text: str) -> Gateway:
        """Bring one text into force, or change nothing for the workers.

        Raises:
            GatewayInvalid: the text has problems.
            NotTaken: Envoy refuses it, or does not list its clusters in time.
            OSError: a directory cannot be written.
        """
        gateway = parse(text, str(self._places.source))
        # Sockets exist for the workers that were started, however many the file asks for by now.
        rendered = render(replace(gateway, workers=self._workers or gateway.workers), self._places.target)
        if self._envoy_program is not None:
            try:
                await asyncio.to_thread(validate, rendered, self._envoy_program)
            except EnvoyRefused as refused:
                raise NotTaken(str(refused)) from refused
        self._seen = None  # whatever happens next, Envoy may have these: also the old text would be a change now
        publish(rendered, self._places.envoy_dir)
        await self._wait_known(gateway)
        _accept(text, self._places.accepted)
        self._seen = text
        return gateway

    async def _wait_known(self, gateway: Gateway) -> None:
        wanted = {f"{seams.DEPLOYMENT_CLUSTER_PREFIX}{name}" for name in gateway.catalog.deployments}
        missing = wanted
        with suppress(TimeoutError):
            async with asyncio.timeout(self._envoy_deadline_s):
                missing = wanted - await asyncio.to_thread(self._known_clusters)
                while missing:
                    await asyncio.sleep(_ASK_S)
                    missing = wanted - await asyncio.to_thread(self._known_clusters)
        if missing:
            raise NotTaken(f"Envoy does not list {', '.join(sorted(missing))} after {self._envoy_deadline_s:g} s")


def _read(source: Path) -> str:
    """The file's text.

    Raises:
        GatewayInvalid: it cannot be read.
    """
    try:
        return source.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise GatewayInvalid(str(source), (Problem("", "it is not UTF-8 text", "Save it as UTF-8."),)) from None
    except OSError as error:
        problem = Problem("", f"it cannot be read: {error.strerror}", "Write it, or name another.")
        raise GatewayInvalid(str(source), (problem,)) from None


def _accept(text: str, accepted: Path) -> None:
    """Replace the workers' copy in one step: they never read half a file."""
    fresh = accepted.with_name(f".{accepted.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(accepted)

"""One part of the stack: how it is started, when it is ready, how it is stopped. Values and functions, no process.

``supervisor`` runs parts; ``postgres``, ``valkey``, ``openbao``, ``model``, ``workers`` and ``envoy`` describe them.
"""

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


async def nothing() -> None:
    """The step that a part does not need."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the supervisor must know of one program."""

    name: str
    """Shown to people; lower case, also the name of its log file."""
    command: tuple[str, ...]
    is_ready: Callable[[], Awaitable[bool]]
    """Asked again and again after the start. Answers at once; an error of the network is an answer: False."""
    environment: dict[str, str] = field(default_factory=dict)
    """Added to the supervisor's own."""
    prepare: Callable[[], Awaitable[None]] = nothing
    """Before every start, also after a crash."""
    finish_start: Callable[[], Awaitable[None]] = nothing
    """Once it is ready, after every start: unsealing, creating a database. Idempotent."""
    before_stop: Callable[[], Awaitable[None]] = nothing
    """Asked before it is told to stop: draining. Bounded by itself."""
    start_deadline_s: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_deadline_s: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when the supervisor is gone. SIGKILL, unless its own children need to hear of it."""
    is_never_root: bool = False

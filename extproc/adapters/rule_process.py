"""One process of ``rule_pool``, seen from here: a thread asks it, and replaces it when it dies or is stuck.

The thread does what blocks: a process that is stopped would hold up the event loop at the next write.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from queue import SimpleQueue

from extproc.adapters.rule_worker import READY, Answer, Question

_START_S = 30.0
_PAUSE_S = 0.5
"""Before a process that could not start is started again."""


@dataclass(slots=True, eq=False)
class Job:
    """One question, and who waits for its answer."""

    question: Question
    deadline_s: float
    """On the monotonic clock: then the process is taken for stuck."""
    done: Callable[["Job", Answer | None], None]
    """Called in the thread; None: the process died, or was stuck and is gone."""
    owner: str = ""


@dataclass(slots=True, eq=False)
class RuleProcess:
    """Started by ``start``; ``tell`` says so each time it can take a job."""

    modules: tuple[str, ...]
    tell: Callable[["RuleProcess"], None]
    replaced: int = 0
    """How often its process died or was stuck."""
    _jobs: SimpleQueue[Job | None] = field(default_factory=SimpleQueue)
    _process: subprocess.Popen[bytes] | None = None
    _is_closed: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Of the process there is now."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread = threading.Thread(target=self._run, name="rules", daemon=True)
        self._thread.start()

    def take(self, job: Job) -> None:
        """Run it. Only when ``tell`` has said that the process is idle."""
        self._jobs.put(job)

    def close(self) -> None:
        """End the process, whatever it does. Blocks for a moment."""
        self._is_closed.set()
        self._jobs.put(None)
        process = self._process
        if process is not None:
            process.kill()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        job: Job | None = None
        while not self._is_closed.is_set():
            ours, theirs = socket.socketpair()
            with theirs:
                process = self._process = _start(theirs.fileno(), self.modules)
            with Connection(ours.detach()) as connection:
                if _receive(connection, time.monotonic() + _START_S) == READY:
                    job = self._serve(process, connection, job)
                else:
                    self._is_closed.wait(_PAUSE_S)
            process.kill()
            process.wait()

    def _serve(self, process: subprocess.Popen[bytes], connection: Connection, job: Job | None) -> Job | None:
        """Until the process is of no more use. What it had not begun is for the next one."""
        while True:
            if job is None:
                self.tell(self)
                job = self._jobs.get()
            if job is None:
                return None
            if process.poll() is not None:
                self.replaced += 1
                return job
            answer = _ask(connection, job)
            if answer is None:
                # Before who waits is told: a process that is stuck must not go on for a moment more.
                process.kill()
                self.replaced += 1
            job.done(job, answer)
            job = None
            if answer is None:
                return None


def _start(handle: int, modules: tuple[str, ...]) -> subprocess.Popen[bytes]:
    # Not multiprocessing: that would import the program we were started as once more in each process.
    command = [sys.executable, "-P", "-m", "extproc.adapters.rule_worker", str(handle), *modules]
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        command, pass_fds=(handle,), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


def _ask(connection: Connection, job: Job) -> Answer | None:
    try:
        connection.send(job.question)
    except OSError:
        return None
    return _receive(connection, job.deadline_s)


def _receive(connection: Connection, deadline_s: float) -> Answer | None:
    try:
        if not connection.poll(max(0.0, deadline_s - time.monotonic())):
            return None
        answer: Answer = connection.recv()
    except (EOFError, OSError):
        return None
    return answer

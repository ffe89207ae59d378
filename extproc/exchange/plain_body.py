"""A response body that is judged whole: a plain answer, or a provider's error turned into ours."""

from dataclasses import dataclass

from extproc.dialects.dialect import Dialect, ProviderFailed, Unreadable
from extproc.dialects.mistakes import About, Mistake
from extproc.dialects.redaction import redact
from extproc.exchange.keeping import Keeper
from extproc.exchange.output_guard import OutputGuard, Stopped
from extproc.exchange.voice import Voice
from extproc.model.exchange import Usage
from extproc.model.refusals import (
    CONTENT_FILTER,
    CONTEXT_LENGTH_EXCEEDED,
    INVALID_REQUEST,
    UPSTREAM_ERROR,
    UPSTREAM_INVALID,
    UPSTREAM_RATE_LIMITED,
    UPSTREAM_REJECTED,
    UPSTREAM_TOO_LARGE,
    Kind,
)

_MAX_ERROR_BYTES = 64 * 1024
_MAX_READ_CHARS = 2000
_MAX_MESSAGE_CHARS = 500


@dataclass(slots=True, eq=False)
class FailedAttempt(Exception):  # noqa: N818 - what it is
    """This attempt gave no answer; what the client hears if there is no other attempt."""

    kind: Kind
    status: int | None = None
    """In place of the kind's own."""
    body: bytes | None = None
    """In place of the kind's own."""
    is_final: bool = False
    """Whether every other deployment would say the same: it is about what the caller wrote."""
    is_too_long: bool = False
    """Whether only a larger model could say something else."""


class PlainBody:
    """Collects a body and gives it whole, or raises what is wrong with it."""

    __slots__ = (
        "_data",
        "_dialect",
        "_guard",
        "_hides",
        "_keeper",
        "_limit",
        "_status",
        "_voice",
        "answer_bytes",
        "has_begun",
        "is_answer",
        "usage",
        "usage_shrank",
    )

    def __init__(
        self,
        dialect: Dialect,
        voice: Voice,
        status: int,
        max_bytes: int,
        hides: str = "",
        guard: OutputGuard | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        # hides: the model's name at the provider, which a mistake's message may tell.
        self._guard = guard
        self._keeper = keeper
        self._dialect = dialect
        self._voice = voice
        self._status = status
        self._hides = hides
        self._limit = max_bytes if status == 200 else min(max_bytes, _MAX_ERROR_BYTES)  # noqa: PLR2004
        self._data = bytearray()
        self.usage: Usage | None = None
        self.usage_shrank = False
        self.answer_bytes = 0
        self.has_begun = False
        """Always: nothing of it can go before all is there."""
        self.is_answer = False

    async def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """The whole body at its end, nothing before.

        Raises:
            FailedAttempt: it is an error, cannot be read, is too large, or may not go on.
        """
        self._data += data
        if len(self._data) > self._limit:
            raise FailedAttempt(UPSTREAM_TOO_LARGE if self._status == 200 else UPSTREAM_ERROR)  # noqa: PLR2004
        if not is_last:
            return b""
        body = bytes(self._data)
        if self._status != 200:  # noqa: PLR2004
            raise await self._translated(body)
        try:
            answer = self._voice.hear(self._dialect, body)
            self.usage = answer.usage
            self.answer_bytes = answer.text_bytes
            if self._keeper is not None:
                self._keeper.whole(answer)
            if self._guard is not None:
                answer = await self._guard.answer(answer)
            said = self._voice.say(answer)
        except Unreadable:
            raise FailedAttempt(UPSTREAM_INVALID) from None
        except ProviderFailed:
            raise FailedAttempt(UPSTREAM_ERROR) from None
        except Stopped as stopped:
            # The provider gave a whole answer, and will bill it.
            self.is_answer = True
            raise FailedAttempt(stopped.kind, is_final=True) from None
        self.is_answer = True
        return said

    async def _translated(self, body: bytes) -> FailedAttempt:
        """A provider's error without its words about keys, accounts and hosts.

        Only a 400 or 422 is about what the caller wrote: its message and parameter help the caller and travel on.
        """
        match self._status:
            case 400 | 413 | 422:
                return await self._mistaken(self._dialect.read_mistake(body))
            case 429:
                return FailedAttempt(UPSTREAM_RATE_LIMITED)
            case 401 | 402 | 403 | 404 | 405 | 415:
                return FailedAttempt(UPSTREAM_REJECTED)
            case _:
                return FailedAttempt(UPSTREAM_ERROR)

    async def _mistaken(self, mistake: Mistake) -> FailedAttempt:
        match mistake.about:
            case About.TOO_LONG:
                body = await self._told(CONTEXT_LENGTH_EXCEEDED, mistake)
                return FailedAttempt(CONTEXT_LENGTH_EXCEEDED, body=body, is_too_long=True)
            case About.FILTERED:
                body = await self._told(CONTENT_FILTER, mistake)
                return FailedAttempt(CONTENT_FILTER, body=body, is_final=True)
            case About.REQUEST if self._status != 413:  # noqa: PLR2004 - bytes are a matter between two servers
                body = await self._told(INVALID_REQUEST, mistake)
                return FailedAttempt(INVALID_REQUEST, self._status, body, is_final=True)
            case _:
                return FailedAttempt(UPSTREAM_REJECTED)

    async def _told(self, kind: Kind, mistake: Mistake) -> bytes:
        text = mistake.message or ""
        if len(text) > _MAX_READ_CHARS:
            # Half of a key does not look like one.
            text = text[:_MAX_READ_CHARS].rpartition(" ")[0]
        text, param = redact(text, [self._hides])[:_MAX_MESSAGE_CHARS], mistake.param
        if self._guard is not None:
            # Providers quote what they were sent.
            text, param = await self._guard.told(text, param)
        return self._voice.error_body(kind, text, param)

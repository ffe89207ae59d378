"""How one exchange's client is spoken to: its surface, and what answers must know of the request."""

from dataclasses import dataclass, replace

from extproc.dialects.answer_size import answer_bytes
from extproc.dialects.anthropic_answer import read_count
from extproc.dialects.dialect import Answer, Dialect
from extproc.dialects.surface import Asked, StreamWriter, Surface
from extproc.dialects.surfaces import SURFACES
from extproc.model.catalog import Operation
from extproc.model.exchange import ExchangeContext
from extproc.model.plan import Headers
from extproc.model.refusals import Kind


@dataclass(frozen=True, slots=True)
class Voice:
    """A surface that knows to whom it speaks."""

    surface: Surface
    asked: Asked
    is_count: bool = False
    """Whether tokens are counted; only providers of the surface's own dialect are asked to."""

    def hear(self, dialect: Dialect, body: bytes) -> Answer:
        """A provider's whole answer, canonical.

        Raises:
            Unreadable, ProviderFailed
        """
        if self.is_count:
            return read_count(body)
        answer = dialect.read_answer(body)
        return replace(answer, text_bytes=0 if answer.value is None else answer_bytes(answer.value, "message"))

    def say(self, answer: Answer) -> bytes:
        """The client's bytes for a canonical answer.

        Raises:
            Unreadable: its dialect cannot say it.
        """
        return answer.body if self.is_count else self.surface.write_answer(answer, self.asked)

    def open_writer(self) -> StreamWriter:
        """A writer for a stream."""
        return self.surface.open_writer(self.asked)

    def headers(self) -> Headers:
        """What every answer carries."""
        return self.surface.headers(self.asked.exchange)

    def error_body(self, kind: Kind, message: str = "", param: str | None = None) -> bytes:
        """A no."""
        return self.surface.error_body(kind, message, param, self.asked.exchange)

    def error_event(self, kind: Kind) -> bytes:
        """A no within a stream."""
        return self.surface.error_event(kind, self.asked.exchange)


def voice_of(context: ExchangeContext) -> Voice:
    """How the client of this exchange is spoken to."""
    asked = Asked(context.id, context.model, context.wants_usage, int(context.started_at_s))
    return Voice(SURFACES[context.surface], asked, context.operation is Operation.COUNT_TOKENS)

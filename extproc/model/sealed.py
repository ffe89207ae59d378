"""What only delivery may know of a request: encrypted on its way, kept no longer than the exchange."""

from dataclasses import dataclass

from extproc.model.cache import Ticket
from extproc.model.guard import NO_SECRETS, GuardSecrets


@dataclass(frozen=True, slots=True)
class Sealed:
    """Everything that travels beside the context."""

    guard: GuardSecrets = NO_SECRETS
    ticket: Ticket | None = None
    """None: the answer is not to be remembered."""

    def __repr__(self) -> str:
        return "Sealed(***)"


NOTHING_SEALED = Sealed()

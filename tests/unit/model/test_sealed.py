"""What is sealed does not show."""

from extproc.model.cache import EntryId, Partition, Question, Ticket
from extproc.model.guard import GuardSecrets
from extproc.model.sealed import Sealed


def test_nothing_of_it_shows() -> None:
    ticket = Ticket(Question(Partition("p"), EntryId("e"), "the question", "o"), b"", 1.0, 1)
    shown = repr(Sealed(GuardSecrets("canary"), ticket)) + repr(ticket) + repr(ticket.question)
    assert "canary" not in shown
    assert "the question" not in shown

"""Several journals as one."""

from collections.abc import Sequence

from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord
from extproc.policy.ports import Journal


class Journals:
    """Tells each of them, in order."""

    def __init__(self, journals: Sequence[Journal]) -> None:
        self._journals = tuple(journals)

    def attempted(self, record: AttemptRecord) -> None:
        """Pass the record on."""
        for journal in self._journals:
            journal.attempted(record)

    def delivered(self, record: DeliveryRecord) -> None:
        """Pass the record on."""
        for journal in self._journals:
            journal.delivered(record)

    def finished(self, record: ExchangeRecord) -> None:
        """Pass the record on."""
        for journal in self._journals:
            journal.finished(record)

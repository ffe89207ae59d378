from extproc.adapters.journals import Journals
from extproc.adapters.memory import MemoryJournal
from tests.unit.adapters.test_log_journal import ATTEMPT, DELIVERY, EXCHANGE


def test_each_journal_is_told_everything() -> None:
    first, second = MemoryJournal(), MemoryJournal()
    both = Journals((first, second))
    both.attempted(ATTEMPT)
    both.delivered(DELIVERY)
    both.finished(EXCHANGE)
    for journal in (first, second):
        assert (journal.attempts, journal.deliveries, journal.exchanges) == ([ATTEMPT], [DELIVERY], [EXCHANGE])

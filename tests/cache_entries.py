"""Entries for tests of whoever keeps them."""

from extproc.model.cache import Entry, EntryId, Partition
from extproc.model.exchange import Usage
from extproc.model.money import MicroUsd
from tests.tiny_encoder import vector_of

PARTITION = Partition("acme/p1")
OTHER = Partition("acme/p2")
FOREIGN = Partition("globex/p1")


def make_entry(
    text: str,
    *,
    partition: Partition = PARTITION,
    owner: str = "k1:u1",
    now_s: float = 1_800_000_000.0,
    ttl_s: float = 600.0,
    answer: bytes = b'{"choices":[]}',
    dimensions: int = 16,
) -> Entry:
    """An entry of which everything follows from its text."""
    return Entry(
        EntryId(f"id of {text.encode(errors='replace').decode()}"),
        partition,
        text,
        answer,
        vector_of(text, dimensions),
        "fast",
        owner,
        "x1",
        Usage(10, 20, 3, has_unknown_kinds=True),
        MicroUsd(42),
        now_s,
        now_s + ttl_s,
    )

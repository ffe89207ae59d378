"""Whether an answer that was given before is the answer to this.

    exact       the same question of the same partition
    semantic    a near candidate that no guard tells apart, and that the verifier, if there is one, agrees to

A cosine alone says nothing: a question and its negation are nearer than most paraphrases. So being near only makes a
candidate; the guards decide, and where anything cannot be asked or is in doubt the answer is no. Nothing here raises:
whatever is unavailable is a miss.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from extproc.model.cache import CachePolicy, Candidate, Entry, Question, Recalled, Ticket, Tier, Vector
from extproc.model.refusals import Unavailable
from extproc.policy.cache_control import CacheWish
from extproc.policy.cache_ports import Embedder, Memory, Verifier

MOST_CANDIDATES = 4
"""Looked at, nearest first."""
AGREES = 0.5
"""What a verifier must be sure of."""


class Miss(StrEnum):
    """Why there is no answer; what was nearest to one says so."""

    NONE = ""
    """There is one."""
    BYPASS = "bypass"
    """The caller wanted a new one."""
    ABSENT = "absent"
    """Nothing is near."""
    STALE = "stale"
    """It is older than the caller takes."""
    GUARD = "guard"
    """The two texts do not ask the same."""
    VERIFIER = "verifier"
    UNAVAILABLE = "unavailable"


def refuse(_asked: str, _remembered: str) -> str:
    """The guard for as long as there are no others: near is never enough, so nothing that is only near is given."""
    return "unguarded"


@dataclass(frozen=True, slots=True)
class RecallDesk:
    """What recalling asks of the world."""

    memory: Memory
    embedder: Embedder | None
    """None: only the same question is found."""
    differs: Callable[[str, str], str | None]
    """Why two texts must not share an answer; None: no guard tells them apart."""
    verifier: Verifier | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """What came of looking."""

    hit: Recalled | None
    miss: Miss
    vector: Vector = b""
    """The question's, if it was made."""
    guard: str = ""
    """Which guard told the nearest candidate apart."""


async def recall(
    question: Question, policy: CachePolicy, wish: CacheWish, desk: RecallDesk, now_s: float
) -> Remembered:
    """Look for an answer. Never raises."""
    if not wish.looks:
        return Remembered(None, Miss.BYPASS)
    try:
        same = await desk.memory.get(question.partition, question.id)
    except Unavailable:
        return Remembered(None, Miss.UNAVAILABLE)
    if same is not None and same.text == question.text:
        found = _fresh(same, Tier.EXACT, 1.0, wish, now_s)
        return Remembered(found, Miss.NONE if found else Miss.STALE)
    if not policy.is_semantic or desk.embedder is None:
        return Remembered(None, Miss.ABSENT)
    return await _look_near(question, policy, wish, desk, desk.embedder, now_s)


async def _look_near(
    question: Question, policy: CachePolicy, wish: CacheWish, desk: RecallDesk, embedder: Embedder, now_s: float
) -> Remembered:
    try:
        vector = await embedder.embed(question.text)
    except Unavailable:
        return Remembered(None, Miss.UNAVAILABLE)
    threshold = embedder.threshold if policy.threshold is None else policy.threshold
    near = [
        each
        for each in desk.memory.nearest(question.partition, vector, MOST_CANDIDATES)
        if each.similarity >= threshold
    ]
    nearest = Remembered(None, Miss.ABSENT, vector)
    for candidate in near:
        looked = await _look(candidate, question, wish, desk, vector, now_s)
        if looked.hit is not None:
            return looked
        if nearest.miss is Miss.ABSENT:
            nearest = looked
    return nearest


def ticket_for(question: Question, policy: CachePolicy, wish: CacheWish, remembered: Remembered) -> Ticket | None:
    """What storing the new answer will need; None: it is not to be stored."""
    if not wish.stores:
        return None
    return Ticket(question, remembered.vector, policy.ttl_s, policy.max_entries)


async def _look(
    candidate: Candidate, question: Question, wish: CacheWish, desk: RecallDesk, vector: Vector, now_s: float
) -> Remembered:
    try:
        entry = await desk.memory.get(question.partition, candidate.id)
        if entry is None:
            return Remembered(None, Miss.ABSENT, vector)
        reason = desk.differs(question.text, entry.text)
        if reason is not None:
            return Remembered(None, Miss.GUARD, vector, reason)
        if desk.verifier is not None and await desk.verifier.agrees(question.text, entry.text) < AGREES:
            return Remembered(None, Miss.VERIFIER, vector)
    except Unavailable:
        return Remembered(None, Miss.UNAVAILABLE, vector)
    found = _fresh(entry, Tier.SEMANTIC, candidate.similarity, wish, now_s)
    return Remembered(found, Miss.NONE if found else Miss.STALE, vector)


def _fresh(entry: Entry, tier: Tier, similarity: float, wish: CacheWish, now_s: float) -> Recalled | None:
    age_s = max(0.0, now_s - entry.stored_at_s)
    if now_s >= entry.expires_at_s or (wish.max_age_s is not None and age_s > wish.max_age_s):
        return None
    return Recalled(entry, tier, similarity, age_s)

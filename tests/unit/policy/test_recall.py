"""Near is not enough, and whatever cannot be asked is a miss."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from extproc.model.cache import CachePolicy, Candidate, Entry, EntryId, Partition, Question, Ticket, Tier, Vector
from extproc.model.exchange import Usage
from extproc.model.money import MicroUsd
from extproc.model.refusals import Unavailable
from extproc.policy.cache_control import CacheWish
from extproc.policy.recall import Miss, RecallDesk, Remembered, recall, refuse, ticket_for

NOW_S = 1_800_000_000.0
PARTITION = Partition("p")
POLICY = CachePolicy(version="v", is_exact=True, is_semantic=True, ttl_s=60.0)
WISH = CacheWish()
VECTOR = b"\0\0\x80?"


def entry(text: str, identity: str) -> Entry:
    return Entry(
        EntryId(identity),
        PARTITION,
        text,
        b"{}",
        VECTOR,
        "m",
        "o",
        "x",
        Usage(1, 2),
        MicroUsd(3),
        NOW_S - 10,
        NOW_S + 50,
    )


SAME, OTHER = entry("how do I reset it", "same"), entry("how can I reset it", "other")
QUESTION = Question(PARTITION, EntryId("same"), "how do I reset it", "o")


@dataclass
class Store:
    """Says what it was told to say."""

    entries: dict[str, Entry] = field(default_factory=dict)
    near: Sequence[Candidate] = ()
    is_down: bool = False

    async def get(self, _partition: Partition, wanted: EntryId) -> Entry | None:
        if self.is_down:
            raise Unavailable("redis")
        return self.entries.get(wanted)

    def nearest(self, _partition: Partition, _vector: Vector, most: int) -> Sequence[Candidate]:
        return self.near[:most]

    async def put(self, entry: Entry, *, max_entries: int) -> None: ...

    async def begin(self, _partition: Partition, _entry: EntryId, _limit_s: float) -> bool:
        return True

    async def wait(self, _partition: Partition, _entry: EntryId, _limit_s: float) -> Entry | None:
        return None

    async def give_up(self, _partition: Partition, _entry: EntryId) -> None: ...


@dataclass
class Model:
    """Makes one vector, or none."""

    name: str = "model"
    dimensions: int = 1
    threshold: float = 0.8
    is_down: bool = False

    async def embed(self, _text: str) -> Vector:
        if self.is_down:
            raise Unavailable("embedder")
        return VECTOR


@dataclass
class Second:
    """Has one opinion."""

    says: float | None = 1.0

    async def agrees(self, _asked: str, _remembered: str) -> float:
        if self.says is None:
            raise Unavailable("verifier")
        return self.says


def desk(
    store: Store, model: Model | None = None, second: Second | None = None, differs: str | None = None
) -> RecallDesk:
    return RecallDesk(store, model, lambda _a, _b: differs, second)


NEAR = Store({"other": OTHER}, (Candidate(EntryId("other"), 0.9),))


async def look(a_desk: RecallDesk, policy: CachePolicy = POLICY, wish: CacheWish = WISH) -> Remembered:
    return await recall(QUESTION, policy, wish, a_desk, NOW_S)


async def test_the_same_question_is_answered_without_a_model() -> None:
    found = await look(desk(Store({"same": SAME}), Model(is_down=True)))
    assert found.hit is not None
    assert (found.hit.tier, found.hit.similarity, found.hit.age_s, found.miss) == (Tier.EXACT, 1.0, 10.0, Miss.NONE)


async def test_a_text_that_is_not_the_entrys_is_no_hit_whatever_the_hash_says() -> None:
    assert (await look(desk(Store({"same": replace(SAME, text="other")})))).hit is None


async def test_a_question_like_it_is_answered() -> None:
    found = await look(desk(NEAR, Model(), Second()))
    assert found.hit is not None
    assert (found.hit.entry, found.hit.tier, found.hit.similarity) == (OTHER, Tier.SEMANTIC, 0.9)


@pytest.mark.parametrize(
    ("a_desk", "miss"),
    [
        (desk(NEAR), Miss.ABSENT),
        (desk(Store(), Model()), Miss.ABSENT),
        (desk(Store({}, NEAR.near), Model()), Miss.ABSENT),
        (desk(NEAR, Model(threshold=0.95)), Miss.ABSENT),
        (desk(NEAR, Model(), differs="negation"), Miss.GUARD),
        (desk(NEAR, Model(), Second(0.4)), Miss.VERIFIER),
        (desk(NEAR, Model(), Second(None)), Miss.UNAVAILABLE),
        (desk(NEAR, Model(is_down=True)), Miss.UNAVAILABLE),
        (desk(Store(is_down=True), Model()), Miss.UNAVAILABLE),
    ],
)
async def test_everything_else_is_a_miss(a_desk: RecallDesk, miss: Miss) -> None:
    found = await look(a_desk)
    assert (found.hit, found.miss) == (None, miss)


async def test_a_guard_that_told_two_texts_apart_is_named() -> None:
    assert (await look(desk(NEAR, Model(), differs="negation"))).guard == "negation"


async def test_the_next_candidate_may_be_the_one() -> None:
    store = Store({"other": OTHER}, (Candidate(EntryId("gone"), 0.95), *NEAR.near))
    assert (await look(desk(store, Model()))).hit is not None


async def test_a_policy_can_be_stricter_than_the_model() -> None:
    assert (await look(desk(NEAR, Model()), replace(POLICY, threshold=0.91))).hit is None
    assert (await look(desk(NEAR, Model()), replace(POLICY, is_semantic=False))).hit is None


@pytest.mark.parametrize("store", [Store({"same": SAME}), NEAR])
async def test_a_caller_is_not_given_what_is_too_old_for_it(store: Store) -> None:
    assert (await look(desk(store, Model()), wish=CacheWish(max_age_s=9))).miss is Miss.STALE
    assert (await look(desk(store, Model()), wish=CacheWish(max_age_s=10))).hit is not None


async def test_what_has_expired_is_gone() -> None:
    assert (await look(desk(Store({"same": replace(SAME, expires_at_s=NOW_S)})))).miss is Miss.STALE


async def test_a_caller_who_wants_a_new_answer_gets_one_and_it_is_kept() -> None:
    wish = CacheWish(looks=False)
    found = await look(desk(Store({"same": SAME}), Model()), wish=wish)
    assert (found.hit, found.miss) == (None, Miss.BYPASS)
    assert ticket_for(QUESTION, POLICY, wish, found) == Ticket(QUESTION, b"", 60.0, POLICY.max_entries)


async def test_a_caller_who_wants_nothing_kept_leaves_nothing() -> None:
    wish = CacheWish(looks=False, stores=False)
    assert ticket_for(QUESTION, POLICY, wish, await look(desk(Store()), wish=wish)) is None


async def test_a_ticket_has_the_vector_that_was_made() -> None:
    found = await look(desk(Store(), Model()))
    ticket = ticket_for(QUESTION, POLICY, WISH, found)
    assert ticket is not None
    assert ticket.vector == VECTOR


async def test_without_guards_nothing_that_is_only_near_is_given() -> None:
    found = await look(RecallDesk(NEAR, Model(), refuse))
    assert (found.hit, found.miss, found.guard) == (None, Miss.GUARD, "unguarded")

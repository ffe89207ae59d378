"""What operators do to keys."""

import secrets
from dataclasses import dataclass, field, replace

import pytest

from extproc.adapters.memory import MemoryClock, MemoryInvalidations, MemoryKeys
from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.keys import Deed, KeyFilter, KeyProblem
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.model.token import is_well_formed
from extproc.operations.keys import KeyDesk, KeyOrder, Minted, list_keys, mint, revoke, rotate, show
from tests.samples import NOW_S, PEPPER, digest_of, make_token

DEED = Deed("ada", "CHG-1")
ORDER = KeyOrder(
    organisation=OrganisationId("acme"),
    team=TeamId("search"),
    project=ProjectId("ranking"),
    environment="prod",
    owner="ada@acme.example",
    allowed_models=frozenset({ModelName("small")}),
    tags=("batch",),
    expires_at_s=NOW_S + 3600,
)


@dataclass
class Office:
    """A desk over memory, with what tests change about it."""

    keys: MemoryKeys = field(default_factory=MemoryKeys)
    word: MemoryInvalidations = field(default_factory=MemoryInvalidations)
    clock: MemoryClock = field(default_factory=MemoryClock)
    is_vault_down: bool = False

    def __post_init__(self) -> None:
        self.desk = KeyDesk(self.keys, self.word, self.read_pepper, self.clock, secrets.randbelow)

    async def read_pepper(self) -> Secret:
        if self.is_vault_down:
            raise Unavailable("vault", "told to be down")
        return PEPPER

    async def mint(self, **changes: object) -> Minted:
        return await mint(self.desk, replace(ORDER, **changes), DEED, may_create_project=True)


async def test_a_minted_key_is_well_formed_and_found_by_its_digest() -> None:
    office = Office()
    minted = await office.mint()
    assert is_well_formed(minted.token.reveal())
    assert await office.keys.find(digest_of(minted.token)) == minted.key
    assert minted.key.allowed_models == {"small"}
    assert minted.key.expires_at_s == NOW_S + 3600
    assert office.word.published == []


async def test_the_text_of_a_key_is_kept_nowhere() -> None:
    office = Office()
    minted = await office.mint()
    assert minted.token.reveal() not in repr((office, minted))
    assert minted.key.hint.endswith(minted.token.reveal()[-4:])


async def test_no_two_keys_share_an_id_or_a_text() -> None:
    office = Office()
    minted = [await office.mint() for _ in range(50)]
    assert len({one.key.id for one in minted}) == len({one.token.reveal() for one in minted}) == 50


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"organisation": "Acme"}, "organisation 'Acme'"),
        ({"team": "a"}, "team 'a'"),
        ({"project": "x/y"}, "project 'x/y'"),
        ({"environment": ""}, "environment ''"),
        ({"owner": "ada\nroot granted all"}, "owner"),
        ({"owner": " "}, "owner"),
        ({"owner": "a" * 201}, "owner"),
        ({"tags": ("\x1b[2J",)}, "tag"),
        ({"tags": ("a\u2028b",)}, "tag"),
        ({"allowed_models": frozenset({""})}, "model"),
        ({"expires_at_s": NOW_S}, "expired from the start"),
        ({"expires_at_s": float("nan")}, "expired from the start"),
    ],
)
async def test_an_order_that_cannot_be_is_refused_and_nothing_changes(changes: dict[str, object], says: str) -> None:
    office = Office()
    with pytest.raises(KeyProblem, match=says):
        await office.mint(**changes)
    assert office.keys.log == []


async def test_every_problem_of_an_order_is_told_at_once() -> None:
    with pytest.raises(KeyProblem, match=r"team.*owner.*tag"):
        await Office().mint(team="T", owner="", tags=("",))


@pytest.mark.parametrize("deed", [Deed("ada", ""), Deed("ada", " "), Deed("", "CHG-1"), Deed("ada", "CHG\n1")])
async def test_nothing_changes_without_an_actor_and_an_approval(deed: Deed) -> None:
    office = Office()
    minted = await office.mint()
    before = list(office.keys.log)
    for change in (
        mint(office.desk, ORDER, deed, may_create_project=True),
        rotate(office.desk, minted.key.id, deed),
        revoke(office.desk, minted.key.id, deed),
    ):
        with pytest.raises(KeyProblem, match=r"approval|actor"):
            await change
    assert office.keys.log == before


async def test_a_revoked_key_is_dead_even_for_a_worker_whose_clock_is_a_minute_late() -> None:
    office = Office()
    minted = await office.mint()
    revoked = await revoke(office.desk, minted.key.id, DEED)
    found = await office.keys.find(digest_of(minted.token))
    assert not found.is_live(NOW_S - 59)
    assert revoked.is_announced
    assert office.word.published[-1].revoked_at_s == found.revoked_at_s


async def test_a_key_is_revoked_while_the_vault_is_away_and_redis_too() -> None:
    office = Office()
    minted = await office.mint()
    office.is_vault_down = office.word.is_down = True
    revoked = await revoke(office.desk, minted.key.id, DEED)
    assert not revoked.is_announced
    assert not (await office.keys.find(digest_of(minted.token))).is_live(NOW_S)


async def test_without_the_vault_no_key_is_minted() -> None:
    office = Office(is_vault_down=True)
    with pytest.raises(Unavailable, match="vault"):
        await office.mint()
    assert office.keys.log == []


async def test_a_rotated_key_ends_at_once_and_its_successor_may_do_the_same() -> None:
    office = Office()
    old = await office.mint()
    office.clock.advance(10)
    new = await rotate(office.desk, old.key.id, DEED)
    assert not (await office.keys.find(digest_of(old.token))).is_live(office.clock.now_s() - 59)
    same = replace(new.key, id=old.key.id, hint=old.key.hint, created_at_s=old.key.created_at_s)
    assert same == old.key
    assert (await office.keys.find(digest_of(new.token))).is_live(office.clock.now_s())
    assert [change.key for change in office.word.published] == [old.key.id]


async def test_a_grace_period_lets_both_keys_work_for_so_long() -> None:
    office = Office()
    old = await office.mint()
    await rotate(office.desk, old.key.id, DEED, grace_s=60, expires_at_s=NOW_S + 7200)
    found = await office.keys.find(digest_of(old.token))
    assert found.is_live(NOW_S + 59.9)
    assert not found.is_live(NOW_S + 60)


async def test_an_expired_key_is_rotated_only_with_a_new_end() -> None:
    office = Office()
    old = await office.mint()
    office.clock.advance(3600)
    with pytest.raises(KeyProblem, match="--expires"):
        await rotate(office.desk, old.key.id, DEED)
    new = await rotate(office.desk, old.key.id, DEED, expires_at_s=NOW_S + 7200)
    assert new.key.expires_at_s == NOW_S + 7200


@pytest.mark.parametrize("grace_s", [-1, float("nan"), float("inf")])
async def test_a_grace_period_is_a_number_of_seconds(grace_s: float) -> None:
    office = Office()
    old = await office.mint()
    with pytest.raises(KeyProblem, match="grace"):
        await rotate(office.desk, old.key.id, DEED, grace_s=grace_s)


@pytest.mark.parametrize("key", ["", "key_", "key_" + "a" * 21, "key_" + "a" * 21 + "'", "key_" + "é" * 22, "\udcff"])
async def test_what_is_no_id_is_not_asked_for(key: str) -> None:
    office = Office(keys=MemoryKeys(is_down=True))
    for question in (
        show(office.desk, KeyId(key)),
        revoke(office.desk, KeyId(key), DEED),
        rotate(office.desk, KeyId(key), DEED),
    ):
        with pytest.raises(KeyProblem, match="not the id of a key"):
            await question


async def test_the_text_of_a_key_given_for_its_id_is_not_repeated() -> None:
    token = make_token().reveal()
    with pytest.raises(KeyProblem, match="leaked") as refused:
        await revoke(Office().desk, KeyId(token), DEED)
    assert token not in str(refused.value)


async def test_keys_are_listed_and_shown_with_their_history() -> None:
    office = Office()
    one, other = await office.mint(), await office.mint(team=TeamId("ads"))
    await revoke(office.desk, one.key.id, Deed("grace", "INC-7"))
    assert await list_keys(office.desk, KeyFilter(team=TeamId("ads"))) == (other.key,)
    history = (await show(office.desk, one.key.id)).history
    assert [(row.action, row.deed) for row in history] == [("key.mint", DEED), ("key.revoke", Deed("grace", "INC-7"))]
    with pytest.raises(KeyProblem):
        await list_keys(office.desk, KeyFilter(owner="a\0b"))

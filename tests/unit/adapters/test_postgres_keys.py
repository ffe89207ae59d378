"""How a change becomes rows: the log's words and the schema's refusals. ``contracts/test_directory`` has the rest."""

from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from extproc.adapters.postgres_keys import PostgresKeys
from extproc.adapters.postgres_pool import open_pool
from extproc.model.keys import Deed, KeyFilter, KeyProblem, NewKey
from extproc.model.refusals import Unavailable
from tests.samples import NOW_S, digest_of, make_key, make_token

DEED = Deed("ada", "CHG-1")


@pytest.fixture
async def store(postgres_dsn: str) -> AsyncIterator[PostgresKeys]:
    async with open_pool(postgres_dsn) as pool:
        yield PostgresKeys(pool, limit_s=20)


def new_key(**changes: object) -> NewKey:
    return NewKey(replace(make_key(), **changes), digest_of(make_token()))


async def test_the_log_says_what_was_minted_and_neither_digest_nor_hint(store: PostgresKeys) -> None:
    new = new_key(allowed_models=frozenset({"small", "large"}), expires_at_s=NOW_S + 1)
    await store.add(new, DEED, may_create_project=True)
    (row,) = (await store.show(new.key.id)).history
    assert dict(row.detail) == {
        "project": "acme/search/ranking",
        "environment": "test",
        "owner": "owner@acme.example",
        "models": "large, small",
        "expires_at_s": f"{NOW_S + 1:.3f}",
    }


async def test_the_log_tells_every_model_from_none_and_never_from_a_date(store: PostgresKeys) -> None:
    every, none = new_key(allowed_models=None), new_key(allowed_models=frozenset())
    for new in (every, none):
        await store.add(new, DEED, may_create_project=True)
    said = [dict((await store.show(new.key.id)).history[0].detail) for new in (every, none)]
    assert [(each["models"], each["expires_at_s"]) for each in said] == [("*", "never"), ("", "never")]


async def test_a_rotation_is_told_from_both_ends(store: PostgresKeys) -> None:
    old, new = new_key(), new_key()
    await store.add(old, DEED, may_create_project=True)
    await store.replace(old.key.id, NOW_S + 60, new, DEED)
    rotated = dict((await store.show(old.key.id)).history[-1].detail)
    minted = dict((await store.show(new.key.id)).history[-1].detail)
    assert rotated == {"successor": new.key.id, "revoked_at_s": f"{NOW_S + 60:.3f}"}
    assert minted["rotated_from"] == old.key.id


async def test_making_a_project_is_a_row_of_its_own_and_only_once(store: PostgresKeys, postgres_dsn: str) -> None:
    for _ in range(2):
        await store.add(new_key(), DEED, may_create_project=True)
    with psycopg.connect(postgres_dsn) as connection:
        rows = connection.execute("select action, subject from admin_log where action <> 'key.mint'").fetchall()
    assert rows == [("project.create", "acme/search/ranking")]


@pytest.mark.parametrize("changes", [{"environment": ""}, {"id": "not-an-id"}, {"owner": ""}])
async def test_what_the_schema_refuses_is_a_problem_for_the_operator_and_leaves_nothing(
    store: PostgresKeys, changes: dict[str, str]
) -> None:
    with pytest.raises(KeyProblem, match="the schema refuses this"):
        await store.add(new_key(**changes), DEED, may_create_project=True)
    assert await store.list(KeyFilter()) == ()


async def test_a_change_that_meets_a_lock_gives_up_instead_of_waiting_for_ever(
    store: PostgresKeys, postgres_dsn: str
) -> None:
    new = new_key()
    await store.add(new, DEED, may_create_project=True)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("select 1 from virtual_keys where id = %s for update", (new.key.id,))
        with pytest.raises(Unavailable, match="LockNotAvailable"):
            await store.revoke(new.key.id, NOW_S, DEED)
    await store.revoke(new.key.id, NOW_S, DEED)

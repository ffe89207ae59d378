"""What the fakes add to their ports: failing when told to, and remembering. ``tests/contracts`` has the rest."""

from dataclasses import replace

import pytest

from extproc.adapters.memory import MemoryClock, MemoryInvalidations, MemoryKeys, MemoryVault
from extproc.model.catalog import CredentialRef
from extproc.model.ids import KeyId
from extproc.model.keys import Deed, KeyChange, KeyFilter, NewKey
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from tests.samples import digest_of, make_key, make_token

REF = CredentialRef("providers/x", "api_key")
CHANGE = KeyChange(1, KeyId("key_1"), None)


def test_a_clock_stands_still_until_it_is_advanced() -> None:
    clock = MemoryClock(10.0)
    assert (clock.now_s(), clock.now_s()) == (10.0, 10.0)
    clock.advance(2.5)
    assert clock.now_s() == 12.5


def test_a_vault_gives_what_it_has_unless_it_is_down() -> None:
    vault = MemoryVault({REF: Secret("s")})
    assert vault.credential(REF).reveal() == "s"
    with pytest.raises(Unavailable):
        vault.credential(CredentialRef("providers/x", "other"))
    vault.is_down = True
    with pytest.raises(Unavailable):
        vault.credential(REF)


def test_a_vault_gives_an_empty_secret_for_an_optional_part_and_remembers_what_was_refused() -> None:
    vault = MemoryVault({REF: Secret("s")})
    absent = replace(REF, field="session_token", is_optional=True)
    assert vault.credential(absent).reveal() == ""
    vault.rejected((REF, absent))
    assert vault.refused == [REF, absent]
    vault.is_down = True
    with pytest.raises(Unavailable):
        vault.credential(absent)


async def test_keys_that_are_told_to_be_down_answer_no_question() -> None:
    key, digest = make_key(), digest_of(make_token())
    keys = MemoryKeys()
    keys.put(key, digest)
    assert await keys.find(digest) == key
    keys.is_down = True
    deed = Deed("ada", "CHG-1")
    questions = (
        keys.find(digest),
        keys.changes_since(None),
        keys.list(KeyFilter()),
        keys.show(key.id),
        keys.add(NewKey(make_key(), b"x"), deed, may_create_project=True),
        keys.revoke(key.id, 0.0, deed),
        keys.replace(key.id, 0.0, NewKey(make_key(), b"y"), deed),
    )
    for question in questions:
        with pytest.raises(Unavailable, match="postgres"):
            await question
    keys.is_down = False
    assert await keys.list(KeyFilter()) == (key,)
    assert keys.look_ups == 1


async def test_word_that_goes_down_cuts_who_listens_and_takes_nobody_new() -> None:
    word = MemoryInvalidations()
    async with word.subscribe() as changes:
        assert word.listeners == 1
        await word.publish(CHANGE)
        assert await anext(changes) == CHANGE
        word.go_down()
        with pytest.raises(Unavailable, match="redis"):
            await anext(changes)
    assert word.listeners == 0
    with pytest.raises(Unavailable):
        await word.publish(CHANGE)
    with pytest.raises(Unavailable):
        await word.subscribe().__aenter__()
    assert word.published == [CHANGE]

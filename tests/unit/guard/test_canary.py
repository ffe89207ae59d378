"""The mark is the exchange's own, and goes to the end of the first instructions."""

import pytest

from extproc.guard.canary import LETTERS, canary_for, sentence_of, weave_canary

MARK = canary_for(b"secret", "exchange-1")


def test_the_mark_is_the_exchanges_own_and_stays() -> None:
    assert canary_for(b"secret", "exchange-1") == MARK
    assert canary_for(b"secret", "exchange-2") != MARK
    assert canary_for(b"other", "exchange-1") != MARK


def test_the_mark_has_consonants_only() -> None:
    groups = MARK.split("-")
    assert [len(group) for group in groups] == [6, 6, 6, 6]
    assert set("".join(groups)) <= set(LETTERS)
    assert len(set(LETTERS)) == 16


@pytest.mark.parametrize("role", ["system", "developer"])
def test_it_ends_the_first_instructions(role: str) -> None:
    payload = {"model": "m", "messages": [{"role": "user", "content": "a"}, {"role": role, "content": "Be kind."}]}
    woven = weave_canary(payload, MARK)
    assert woven["messages"] == [
        {"role": "user", "content": "a"},
        {"role": role, "content": f"Be kind.\n\n{sentence_of(MARK)}"},
    ]
    assert payload["messages"][1]["content"] == "Be kind."  # type: ignore[index]


def test_instructions_in_parts_get_a_part() -> None:
    woven = weave_canary({"messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]}]}, MARK)
    assert woven["messages"] == [
        {"role": "system", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": sentence_of(MARK)}]}
    ]


def test_a_request_without_instructions_gets_some() -> None:
    woven = weave_canary({"messages": [{"role": "user", "content": "hi"}]}, MARK)
    assert woven["messages"] == [{"role": "system", "content": sentence_of(MARK)}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize("content", ["", None])
def test_empty_instructions_become_the_sentence(content: str | None) -> None:
    woven = weave_canary({"messages": [{"role": "system", "content": content}]}, MARK)
    assert woven["messages"] == [{"role": "system", "content": sentence_of(MARK)}]


def test_what_has_no_messages_stays_as_it_is() -> None:
    payload = {"model": "m", "input": "text"}
    assert weave_canary(payload, MARK) is payload

"""However a provider's stream is cut: what is delivered is what the plain answer would be, and a canary never whole."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects.dialect import Answer, StreamItem
from extproc.exchange.output_guard import OutputGuard, Stopped
from extproc.model.guard import GuardSecrets, Redaction
from extproc.model.guard_policy import Action
from tests.guard_world import CANARY, DIGITS, END, Heard, argued, cut, ending, flow, guard, said, words

PROSE = "The quick brown fox jumps over the lazy dog and runs away. "
FIELDS = ["content", "refusal", "reasoning", "reasoning_content", "arguments"]
SECRETS = GuardSecrets(
    redactions=(
        Redaction("[EMAIL_1_123456]", 'a"b@x.example', "pii.email"),
        Redaction("[PHONE_2_123456]", "0161 496 0000", "pii.phone"),
    )
)
WRITTEN = {"plain": CANARY, "escaped": "".join(f"\\u{ord(each):04x}" for each in CANARY), "hex": CANARY.encode().hex()}


def spoken(field: str, pieces: list[str], choice: int = 0) -> list[StreamItem]:
    return argued(*pieces, choice=choice) if field == "arguments" else said(*pieces, field=field, choice=choice)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("before", ["", PROSE * 3], ids=["first", "later"])
async def test_a_canary_split_anywhere_is_never_delivered_whole(field: str, form: str, before: str) -> None:
    written = WRITTEN[form]
    lead, tail = ('{"note": "' + before, '"}') if field == "arguments" else (before, PROSE)
    for at in range(len(written) + 1):
        heard = Heard()
        pieces = [lead, written[:at], written[at:], tail]
        with pytest.raises(Stopped):
            await flow(guard(words(Action.BLOCK)), [*spoken(field, pieces), *ending(), *END], heard)
        assert not any(written[:12] in text for text in heard.texts.values())


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_a_canary_in_one_of_several_choices_is_never_delivered_whole(size: int) -> None:
    pieces = cut(PROSE + CANARY + PROSE, range(0, 999, size))
    items = [
        item
        for piece in pieces
        for choice in (0, 1, 2)
        for item in said(piece if choice == 1 else "harmless ", choice=choice)
    ]
    heard = Heard()
    with pytest.raises(Stopped):
        await flow(guard(words(Action.BLOCK)), [*items, *END], heard)
    assert CANARY[:12] not in heard.texts.get((1, "content"), "")


PARTS = st.lists(
    st.sampled_from(
        [
            *("call 12345678 now", "12345678901234", "1234", "5678", "9", " ", "x", "\u200b", "schön ", "你好", PROSE),
            *(
                "[EMAIL_1_123456]",
                "[PHONE_2_123456]",
                "[EMAIL_1_12",
                "[",
                "email 1 123456",
                "A" * 40,
                "%41%42",
                "&#65;",
            ),
        ]
    ),
    max_size=14,
).map("".join)
CUTS = st.lists(st.integers(0, 400), max_size=30)


def both() -> OutputGuard:
    return guard(DIGITS, words(Action.FLAG, "fox", "9 "), secrets=SECRETS)


async def plain(message: dict[str, Any]) -> tuple[dict[str, Any], OutputGuard]:
    value = {"choices": [{"index": 0, "message": message}]}
    through = both()
    went = await through.answer(Answer(b"", None, value=value))
    said_: dict[str, Any] = json.loads(went.body)["choices"][0]["message"]
    return said_, through


@given(text=PARTS, cuts=CUTS)
@settings(max_examples=300, deadline=None)
async def test_a_stream_says_what_the_plain_answer_says(text: str, cuts: list[int]) -> None:
    expected, judged = await plain({"content": text})
    through = both()
    heard = await flow(through, [*said(*cut(text, cuts)), *ending(), *END])
    assert heard.content == expected["content"]
    counts = [(verdict.result, verdict.count) for verdict in through.verdicts]
    assert counts == [(verdict.result, verdict.count) for verdict in judged.verdicts]


@given(
    value=st.dictionaries(st.sampled_from("abc"), PARTS | st.integers(0, 10**13) | st.lists(PARTS, max_size=2)),
    is_ascii=st.booleans(),
    cuts=CUTS,
)
@settings(max_examples=200, deadline=None)
async def test_arguments_stay_json_and_alike_however_they_are_cut(
    value: dict[str, Any], is_ascii: bool, cuts: list[int]
) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    call = {"function": {"name": "f", "arguments": text}}
    expected, _ = await plain({"tool_calls": [call]})
    heard = await flow(both(), [*argued(*cut(text, cuts)), *ending(), *END])
    assert heard.arguments == expected["tool_calls"][0]["function"]["arguments"]
    json.loads(heard.arguments)


@given(text=PARTS, cuts=CUTS)
@settings(max_examples=100, deadline=None)
async def test_judging_twice_changes_nothing_more(text: str, cuts: list[int]) -> None:
    once = await flow(guard(DIGITS), [*said(*cut(text, cuts)), *END])
    twice = await flow(guard(DIGITS), [*said(*cut(once.content, cuts)), *END])
    assert twice.content == once.content

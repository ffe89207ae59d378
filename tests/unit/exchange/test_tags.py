import json
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.admission import Admission
from extproc.exchange.events import AdmissionAction, Go, Reply
from extproc.exchange.spending import SpendingDesk
from extproc.exchange.tags import HEADER, MOST_CHARS, MOST_TAGS, merge, tags_in_head, take_tags
from extproc.model.catalog import Operation
from extproc.model.chat import ModelRequest
from extproc.model.ledger import LedgerRow
from extproc.model.refusals import Refusal
from extproc.policy.allowance import Allowances
from extproc.policy.reserve import Limits
from tests.unit.exchange.worlds import World, chat

LETTERS = string.ascii_letters + string.digits
A_TAG = st.builds(
    lambda first, rest: first + rest,
    st.sampled_from(LETTERS),
    st.text(LETTERS + "._:=/@+-", max_size=MOST_CHARS - 1),
)


def request(**fields: Any) -> ModelRequest:
    return ModelRequest(Operation.CHAT, "m", is_stream=False, wants_usage=False, payload={"model": "m", **fields})


# -- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ((), ()),
        (("",), ()),
        (("feature=search",), ("feature=search",)),
        ((" a ,\tb,, a ",), ("a", "b")),
        (("a", "b=2,c"), ("a", "b=2", "c")),
        (("team:x/y@z+1-2_3.4",), ("team:x/y@z+1-2_3.4",)),
    ],
)
def test_tags_are_words_between_commas_in_one_header_or_several(values: tuple[str, ...], tags: tuple[str, ...]) -> None:
    assert tags_in_head((*((HEADER, each) for each in values), ("other", "x"))) == tags


@pytest.mark.parametrize(
    "text",
    [
        "two words",
        "-a",
        "é",
        "a\nb",
        "a;b",
        "'=x",
        "x" * (MOST_CHARS + 1),
        ",".join(f"t{number}" for number in range(MOST_TAGS + 1)),
        "a," * 1000,
    ],
)
def test_what_is_no_tag_or_too_much_is_refused_and_the_place_is_named(text: str) -> None:
    with pytest.raises(Refusal) as head:
        tags_in_head(((HEADER, text),))
    with pytest.raises(Refusal) as body:
        take_tags(request(metadata={"gateway_tags": text}))
    assert (head.value.kind.code, head.value.param) == ("invalid_request", HEADER)
    assert (body.value.kind.code, body.value.param) == ("invalid_request", "metadata.gateway_tags")
    assert text not in head.value.message


@given(st.lists(A_TAG, max_size=MOST_TAGS, unique=True))
def test_every_tag_that_is_one_is_read_from_either_place(tags: list[str]) -> None:
    text = ", ".join(tags)
    assert tags_in_head(((HEADER, text),)) == tuple(tags)
    assert take_tags(request(metadata={"gateway_tags": text}))[1] == tuple(tags)


@pytest.mark.parametrize("value", [None, 3, ["a"], {"a": "b"}])
def test_tags_in_the_body_are_a_string(value: object) -> None:
    with pytest.raises(Refusal, match="string"):
        take_tags(request(metadata={"gateway_tags": value}))


def test_tags_leave_the_body_and_what_else_is_in_metadata_stays() -> None:
    given_ = request(metadata={"gateway_tags": "a", "ticket": "7"}, temperature=1)
    assert take_tags(given_)[0].payload == {"model": "m", "temperature": 1, "metadata": {"ticket": "7"}}
    assert take_tags(request(metadata={"gateway_tags": "a"}))[0].payload == {"model": "m"}


@pytest.mark.parametrize("fields", [{}, {"metadata": {"ticket": "7"}}, {"metadata": None}, {"metadata": "a"}])
def test_a_body_without_tags_is_left_as_it_is(fields: dict[str, Any]) -> None:
    asked = request(**fields)
    assert take_tags(asked) == (asked, ())


# -- whose word stays ---------------------------------------------------------------------------------------------


def test_a_keys_tags_are_always_there_and_its_word_stays() -> None:
    own = ("feature=search", "prod", "team:core")
    assert merge(own, ("feature=other", "team=x", "prod", "batch"), ("eu=1",)) == (*own, "batch", "eu=1")
    assert merge(own) == own
    assert merge((), ("a", "a"), ("a",)) == ("a",)


@given(st.lists(A_TAG, max_size=20), st.lists(A_TAG, max_size=MOST_TAGS))
def test_a_request_never_takes_a_tag_of_its_key_away(own: list[str], asked: list[str]) -> None:
    merged = merge(tuple(own), asked)
    assert set(own) <= set(merged) <= {*own, *asked}
    assert len(set(merged)) == len(merged)


def test_header_and_body_together_have_no_more_than_one_may() -> None:
    with pytest.raises(Refusal, match=str(MOST_TAGS)):
        merge((), [f"a{number}" for number in range(6)], [f"b{number}" for number in range(6)])


# -- at the door ----------------------------------------------------------------------------------------------------


async def play(world: World, header: str | None, **fields: object) -> AdmissionAction:
    admission = Admission(world.desk)
    await admission.handle(world.head(headers={HEADER: header}))
    return await admission.handle(chat(**fields))


async def test_both_places_tags_are_remembered_with_the_keys_and_neither_is_sent_on() -> None:
    world = World()
    world.put(tags=("feature=search",))
    go = await play(world, "batch, feature=x", metadata={"gateway_tags": "eu", "ticket": "7"})
    assert isinstance(go, Go)
    assert go.context.tags == ("feature=search", "batch", "eu")
    assert HEADER in go.remove_headers
    assert json.loads(go.body)["metadata"] == {"ticket": "7"}
    assert b"gateway_tags" not in go.body


async def test_a_request_that_names_none_has_its_keys() -> None:
    world = World()
    world.put(tags=("feature=search",))
    go = await play(world, None)
    assert isinstance(go, Go)
    assert go.context.tags == ("feature=search",)


async def test_bad_tags_are_a_400_that_says_where_and_what_is_good() -> None:
    world = World()
    in_head = await Admission(world.desk).handle(world.head(headers={HEADER: "two words"}))
    in_body = await play(world, None, metadata={"gateway_tags": "two words"})
    for told, param in ((in_head, HEADER), (in_body, "metadata.gateway_tags")):
        assert isinstance(told, Reply)
        error = json.loads(told.body)["error"]
        assert (told.status, error["code"], error["param"]) == (400, "invalid_request", param)
        assert "64" in error["message"]


async def test_a_refused_request_is_noted_with_its_tags() -> None:
    noted: list[LedgerRow] = []
    world = World()
    world.put(tags=("prod",))
    spending = SpendingDesk(Limits, None, None, Allowances(), note=noted.append)  # type: ignore[arg-type]
    admission = Admission(replace(world.desk, spending=spending))
    await admission.handle(world.head(headers={HEADER: "feature=search"}))
    reply = await admission.handle(chat(model="no-such-model"))
    assert isinstance(reply, Reply)
    assert [row.tags for row in noted] == [("prod", "feature=search")]

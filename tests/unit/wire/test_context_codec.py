import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.catalog import Operation
from extproc.model.exchange import AttemptLimits, CachedAnswer, ExchangeContext, HeldCounter, Hold
from extproc.model.ids import DeploymentName, ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.limits import LimitId, Unit
from extproc.model.money import MicroUsd, Price
from extproc.wire.context_codec import ContextUnreadable, decode_context, encode_context

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
seconds = st.integers(0, 3_600_000).map(lambda milliseconds: milliseconds / 1000)
texts = st.lists(text, max_size=2).map(tuple)
amounts = st.integers(0, 10**12)
price_fields = [amounts, amounts, *[st.none() | amounts] * 5, amounts]
prices = st.builds(Price, *price_fields, amounts, st.none() | st.builds(Price, *price_fields))
counters = st.builds(
    HeldCounter,
    text,
    st.sampled_from(Unit),
    text.map(LimitId),
    st.integers(0, 2**53),
    st.lists(st.integers(0, 100)).map(tuple),
)
holds = st.builds(Hold, st.lists(counters, max_size=2).map(tuple), texts, st.booleans())
sizes = st.none() | st.integers(1, 2**31)
attempts = st.builds(
    AttemptLimits,
    text.map(DeploymentName),
    text,
    seconds,
    seconds,
    seconds,
    text,
    sizes,
    st.lists(text, max_size=2).map(tuple),
)
contexts = st.builds(
    ExchangeContext,
    id=text.map(ExchangeId),
    organisation=text.map(OrganisationId),
    team=text.map(TeamId),
    project=text.map(ProjectId),
    key=text.map(KeyId),
    operation=st.sampled_from(Operation),
    model=text.map(ModelName),
    is_stream=st.booleans(),
    wants_usage=st.booleans(),
    catalog_version=text,
    plan=st.lists(attempts, max_size=3).map(tuple),
    started_at_s=st.floats(0, 4e9),
    tells_route=st.booleans(),
    auto=text,
    hold=st.none() | holds,
    input_tokens=amounts,
    output_tokens=amounts,
    user=text,
    tags=texts,
    answer_headers=st.lists(st.tuples(text, text), max_size=2).map(tuple),
    surface=st.sampled_from(["openai", "anthropic"]),
)


@given(contexts)
def test_what_admission_writes_is_what_the_other_doors_read(context: ExchangeContext) -> None:
    written = encode_context(context)
    assert written.isascii()
    assert decode_context(written) == context


@pytest.mark.parametrize("written", ["", "not base64!", "////", base64.b64encode(b"\xff\xff").decode()])
def test_what_admission_did_not_write_is_refused(written: str) -> None:
    with pytest.raises(ContextUnreadable):
        decode_context(written)


def test_which_remembered_answer_was_given_travels_too() -> None:
    cached = CachedAnswer("semantic", 0.9312, 12.5, MicroUsd(42), "x-0")
    context = ExchangeContext(
        ExchangeId("x"),
        OrganisationId("o"),
        TeamId("t"),
        ProjectId("p"),
        KeyId("k"),
        Operation.CHAT,
        ModelName("m"),
        is_stream=False,
        wants_usage=False,
        plan=(),
        catalog_version="v",
        cached=cached,
    )
    assert decode_context(encode_context(context)) == context

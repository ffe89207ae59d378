import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.catalog import Operation
from extproc.model.exchange import AttemptLimits, ExchangeContext
from extproc.model.ids import DeploymentName, ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.wire.context_codec import ContextUnreadable, decode_context, encode_context

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
seconds = st.integers(0, 3_600_000).map(lambda milliseconds: milliseconds / 1000)
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

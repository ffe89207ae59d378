"""Whatever a caller asks, a dialect writes it or refuses it by name: nothing else ever escapes.

From the golden requests with pieces exchanged, cut and made into something odd, as far as the JSON may pass at all.
"""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects.degrading import write_for
from extproc.dialects.openai import read_request
from extproc.dialects.registry import DIALECTS
from extproc.model.catalog import Operation
from extproc.model.degradation import DEGRADABLE
from extproc.model.refusals import Refusal
from tests.dialect_deployments import DEPLOYMENTS
from tests.dialect_goldens import GOLDENS
from tests.dialect_matrix import REQUESTS
from tests.properties.test_dialect_responses import mutate

_HI = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}
ASKED = [
    *(golden["request"] for goldens in GOLDENS.values() for golden in goldens.values() if "request" in golden),
    *({**_HI, **fields} for fields in REQUESTS.values()),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("may_degrade", [False, True])
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_a_changed_request_is_written_or_refused(dialect: str, may_degrade: bool, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - changes a test's input, guards nothing
    asked = mutate(source.choice(ASKED), source)
    may = frozenset(DEGRADABLE[dialect]) if may_degrade else frozenset[str]()
    deployment = replace(DEPLOYMENTS[dialect], degrade=may)
    try:
        request = read_request(Operation.CHAT, json.dumps(asked).encode())
        outgoing = write_for(DIALECTS[dialect], request, deployment, (), 0.0)
    except Refusal:
        return
    assert isinstance(json.loads(outgoing.body.decode()), dict)
    assert outgoing.path.isascii()

"""Every answer has an id, a time and a model, whoever gave it."""

import json

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from extproc.dialects.dialect import Chunk, Finishes
from extproc.dialects.registry import DIALECTS
from extproc.dialects.stamp import stamped
from extproc.dialects.surface import Asked
from extproc.dialects.surface_openai import OpenAiSurface
from tests.aws_messages import event
from tests.dialect_goldens import ANSWERS, STREAMS

ASKED = Asked("11111111-2222-3333-4444-555555555555", "chat", wants_usage=True, created_s=1_800_000_000)
OWN = {"object": "chat.completion", "id": "a", "created": 5, "model": "m"}


@pytest.mark.parametrize("name", ["id", "created", "model"])
@pytest.mark.parametrize("empty", ["absent", None, "", 0])
def test_what_the_provider_did_not_say_is_said(name: str, empty: object) -> None:
    value = {key: each for key, each in OWN.items() if key != name} if empty == "absent" else {**OWN, name: empty}
    expected = {"id": "chatcmpl-11111111-2222-3333-4444-555555555555", "created": 1_800_000_000, "model": "chat"}
    assert stamped(value, ASKED) == {**OWN, name: expected[name]}


def test_what_it_said_stays() -> None:
    assert stamped(OWN, ASKED) is None


@pytest.mark.parametrize("kind", ["list", "", None])
def test_embeddings_and_a_filters_first_chunk_have_none(kind: object) -> None:
    assert stamped({"object": kind, "id": "", "created": 0}, ASKED) is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_of_every_dialect_says_all_three(dialect: str) -> None:
    for golden in ANSWERS[dialect]:
        answer = DIALECTS[dialect].read_answer(json.dumps(golden).encode())
        written = OpenAiSurface().write_answer(answer, ASKED)
        found = ChatCompletion.model_validate_json(written)
        assert found.id
        assert found.created
        assert found.model
        if stamped(json.loads(answer.body), ASKED) is None:
            assert written is answer.body


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_of_every_dialect_says_all_three_and_the_same_all_along(dialect: str) -> None:
    for golden in STREAMS[dialect]:
        reader, writer = DIALECTS[dialect].open_stream(), OpenAiSurface().open_writer(ASKED)
        events = [
            event(*each) if dialect == "bedrock" else b"data: %s\n\n" % json.dumps(each).encode() for each in golden
        ]
        items = reader.feed(b"".join(events)) + (reader.finish() if isinstance(reader, Finishes) else [])
        lines = [writer.write(item) for item in items if isinstance(item, Chunk)]
        values = [json.loads(line.removeprefix(b"data: ")) for line in lines if line]
        # Azure's first chunk tells of the prompt's filter, and is no chunk of an answer.
        chunks = [ChatCompletionChunk.model_validate(value) for value in values if value["object"]]
        said = {(chunk.id, chunk.created, chunk.model) for chunk in chunks}
        assert len(said) == 1
        assert all(all(each) for each in said)

import json

from extproc.dialects.dialect import Answer, Aside, Chunk, Done, Ping
from extproc.dialects.surface import Asked
from extproc.dialects.surface_openai import OpenAiSurface, OpenAiWriter
from extproc.model.catalog import Operation
from extproc.model.refusals import UPSTREAM_ERROR
from tests.unit.exchange.worlds import CATALOG

USAGE = {"choices": [], "usage": {"prompt_tokens": 1}}


def writer(*, wants_usage: bool = False) -> OpenAiWriter:
    return OpenAiWriter(Asked("req-1", "one", wants_usage))


def test_an_answers_own_bytes_are_passed_on() -> None:
    body = b'{ "odd" :  "spacing" }'
    assert OpenAiSurface().write_answer(Answer(body, None, {"layout": []}), Asked("", "", wants_usage=False)) is body
    assert writer().write(Chunk({"choices": [1]}, b'{"choices" : [1]}')) == b'data: {"choices" : [1]}\n\n'


def test_usage_is_shown_to_who_asked_for_it() -> None:
    assert writer().write(Chunk(USAGE)) == b""
    assert writer(wants_usage=True).write(Chunk(USAGE, b"{}")) == b"data: {}\n\n"
    both = Chunk({"choices": [1], "usage": None}, b"raw")
    assert writer().write(both) == b'data: {"choices":[1]}\n\n'


def test_what_is_beyond_the_canonical_form_is_left_out() -> None:
    assert writer().write(Aside({"signature": "x"})) == b""
    assert writer().write(Ping()) == b":\n\n"
    assert writer().write(Done()) == b"data: [DONE]\n\n"


def test_an_error_inside_a_stream_is_one_event() -> None:
    event = OpenAiSurface().error_event(UPSTREAM_ERROR, "req-1")
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2


def test_models_are_listed_as_openai_does() -> None:
    surface = OpenAiSurface()
    models = tuple(CATALOG.models.values())
    listed = json.loads(surface.write_models(models))
    assert listed["object"] == "list"
    assert listed["data"][0] == json.loads(surface.write_model(models[0]))
    assert set(listed["data"][0]) == {"id", "object", "created", "owned_by"}


def test_a_request_is_read_by_the_dialect() -> None:
    surface = OpenAiSurface()
    surface.check_head((("anthropic-version", "any"),))
    request = surface.read_request(Operation.CHAT, b'{"model":"m","messages":[{"role":"user","content":"x"}]}')
    assert (request.model, request.surface) == ("m", "openai")
    assert surface.headers("req-1") == ()

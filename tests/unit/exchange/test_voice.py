import json
from dataclasses import replace

import pytest

from extproc.dialects.dialect import Done, Unreadable
from extproc.dialects.registry import DIALECTS
from extproc.exchange.voice import Voice, voice_of
from extproc.model.catalog import Operation
from extproc.model.refusals import UPSTREAM_ERROR
from tests.unit.exchange.test_delivery import context
from tests.unit.exchange.worlds import voice

ANSWER = json.dumps(
    {"id": "c1", "choices": [{"index": 0, "message": {"content": "Hello."}, "finish_reason": "stop"}], "usage": {}}
).encode()


def test_each_surface_says_the_same_in_its_own_way() -> None:
    heard = voice().hear(DIALECTS["openai"], ANSWER)
    assert heard.text_bytes == len("Hello.")
    plain = json.loads(voice().say(heard))
    assert plain["choices"] == json.loads(ANSWER)["choices"]
    told = json.loads(voice(surface="anthropic").say(heard))
    assert told["content"] == [{"type": "text", "text": "Hello."}]
    assert voice(surface="anthropic").open_writer().write(Done()).endswith(b'{"type":"message_stop"}\n\n')


def test_errors_name_the_request() -> None:
    speaking = voice(surface="anthropic")
    assert speaking.headers() == (("request-id", "req-1"),)
    assert json.loads(speaking.error_body(UPSTREAM_ERROR))["request_id"] == "req-1"
    assert speaking.error_event(UPSTREAM_ERROR).startswith(b"event: error\n")


def test_a_count_is_read_as_one() -> None:
    counting = Voice(voice(surface="anthropic").surface, voice().asked, is_count=True)
    answer = counting.hear(DIALECTS["anthropic"], b'{"input_tokens":14,"x":1}')
    assert (counting.say(answer), answer.usage) == (b'{"input_tokens":14}', None)
    with pytest.raises(Unreadable):
        counting.hear(DIALECTS["anthropic"], b'{"input_tokens":-1}')


def test_the_context_says_how_to_speak() -> None:
    speaking = voice_of(context())
    assert (speaking.asked.exchange, speaking.is_count) == (context().id, False)
    counting = voice_of(replace(context(), surface="anthropic", operation=Operation.COUNT_TOKENS))
    assert counting.is_count
    assert counting.headers() == (("request-id", "x-1"),)

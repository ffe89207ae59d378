"""An endpoint of embeddings: what it is asked, and what is made of its answer."""

import math
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.adapters.embedder_http import EndpointEmbedder
from extproc.adapters.scanner_http import JsonPoster
from extproc.model.cache_embedders import EmbedderLimits, EndpointSettings
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from tests.scanner_apis import ScannerApi, serving


def answer(values: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": values}], "model": "m"}


@pytest.fixture
def api() -> Iterator[ScannerApi]:
    with serving(ScannerApi(answer=lambda _: answer([3.0, 4]))) as opened:
        yield opened


def embedder(api: ScannerApi, key: Secret | None = None, **options: Any) -> EndpointEmbedder:
    options.setdefault("limits", EmbedderLimits(30))
    settings = EndpointSettings(api.url + "/v1/embeddings", "m-1", 2, 0.8, **options)
    return EndpointEmbedder(settings, JsonPoster("embedder", lambda: None), lambda: key)


async def test_it_is_asked_in_openais_form_with_the_credential(api: ScannerApi) -> None:
    made = await embedder(api, Secret("sk-1")).embed("a \ud800 text")
    assert struct.unpack("<2f", made) == (pytest.approx(0.6), pytest.approx(0.8))
    assert api.asked == [{"model": "m-1", "input": "a ? text", "encoding_format": "float"}]
    assert api.got[0].line == "POST /v1/embeddings HTTP/1.1"
    assert api.got[0].header("authorization") == "Bearer sk-1"


async def test_without_a_credential_none_is_sent(api: ScannerApi) -> None:
    await embedder(api).embed("a")
    assert "authorization" not in dict(api.got[0].headers)


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        {"data": []},
        {"data": [{}]},
        {"data": [{"embedding": [1.0, 2.0]}] * 2},
        answer([1.0]),
        answer([1.0, 2.0, 3.0]),
        answer(["1", 2.0]),
        answer([math.nan, 2.0]),
        answer([0.0, 0.0]),
        answer("AACAPw=="),
    ],
)
async def test_an_answer_that_is_no_vector_of_this_length_is_unavailable(api: ScannerApi, said: Any) -> None:
    api.answer = lambda _: said
    with pytest.raises(Unavailable, match="makes no sense"):
        await embedder(api).embed("a")


async def test_a_text_that_is_too_long_has_no_vector_and_is_not_sent(api: ScannerApi) -> None:
    assert await embedder(api, most_characters=3).embed("four") == b""
    assert api.got == []


async def test_an_endpoint_that_hangs_or_fails_is_unavailable(api: ScannerApi) -> None:
    api.status = 500
    with pytest.raises(Unavailable, match="500"):
        await embedder(api).embed("a")
    api.answers.clear()
    with pytest.raises(Unavailable, match=r"in time|ReadTimeout"):
        await embedder(api, limits=EmbedderLimits(0.05)).embed("a")
    api.answers.set()


def test_its_name_has_the_revision(api: ScannerApi) -> None:
    assert embedder(api, revision="2026-10").name == "m-1@2026-10"
    assert embedder(api).name != embedder(api, revision="2026-10").name
    assert (embedder(api).dimensions, embedder(api).threshold) == (2, 0.8)

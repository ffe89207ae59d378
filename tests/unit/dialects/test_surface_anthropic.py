import json

import pytest
from anthropic.types import ErrorResponse, ModelInfo

from extproc.dialects.surface_anthropic import AnthropicSurface
from extproc.model.catalog import Operation
from extproc.model.refusals import UPSTREAM_ERROR, Refusal
from tests.unit.dialects.surface_goldens import ANSWERS, ASKED, events_of, items_of
from tests.unit.dialects.surface_goldens import CASES as GOLDENS
from tests.unit.exchange.worlds import CATALOG

SURFACE = AnthropicSurface()


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21", " 2030-01-01 "])
def test_any_date_is_a_version_and_none_is_needed(version: str) -> None:
    SURFACE.check_head((("anthropic-version", version),))
    SURFACE.check_head(())


@pytest.mark.parametrize("version", ["", "latest", "2023-06-01, 2026-10-21", "2023-06-1"])
def test_a_version_that_is_no_date_is_refused(version: str) -> None:
    with pytest.raises(Refusal) as caught:
        SURFACE.check_head((("anthropic-version", version),))
    assert (caught.value.kind.code, caught.value.param) == ("invalid_request", "anthropic-version")


def test_models_are_one_page_of_anthropics() -> None:
    models = tuple(CATALOG.models.values())
    page = json.loads(SURFACE.write_models(models))
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "one", "two")
    read = [ModelInfo.model_validate(each) for each in page["data"]]
    assert [each.id for each in read] == ["one", "two"]
    assert read[0].created_at.timestamp() == 1_700_000_000
    assert json.loads(SURFACE.write_model(models[0])) == page["data"][0]
    assert json.loads(SURFACE.write_models(())) == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_an_error_inside_a_stream_is_an_event_by_that_name() -> None:
    (event,) = events_of(SURFACE.error_event(UPSTREAM_ERROR, "req-1"))
    assert ErrorResponse.model_validate(event).request_id == "req-1"
    assert event["error"]["code"] == "upstream_error"


def test_every_answer_names_the_request() -> None:
    assert SURFACE.headers("req-1") == (("request-id", "req-1"),)
    assert SURFACE.headers("") == ()


def test_the_surface_reads_and_writes_by_its_parts() -> None:
    case = GOLDENS["simple"]
    assert SURFACE.read_request(Operation.CHAT, json.dumps(case["request"]).encode()).surface == "anthropic"
    assert ANSWERS
    stream = GOLDENS["stream_text"]
    writer = SURFACE.open_writer(ASKED)
    assert events_of(b"".join(writer.write(item) for item in items_of(stream))) == stream["events"]

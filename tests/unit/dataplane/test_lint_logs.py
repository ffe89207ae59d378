"""What may be in an access log, template by template. ``test_lint`` has it in whole configurations."""

from typing import Any

import pytest

from extproc.dataplane.lint_logs import log_contents
from extproc.dataplane.tree import Place


def complaints(template: object, key: str = "access_log") -> list[str]:
    place = Place("lds.json", {key: [{"typed_config": {"format": template}}]})  # type: ignore[dict-item]
    return [violation.rule for violation in log_contents(place)]


@pytest.mark.parametrize(
    "template",
    [
        "",
        "plain words",
        "%DURATION%",
        "%RESPONSE_CODE% %RESPONSE_FLAGS% %PROTOCOL%",
        "%REQ(X-REQUEST-ID)%",
        "%req(:method):10%".replace("req", "REQ"),
        "%DYNAMIC_METADATA(gateway.context:exchange)%",
        '%COALESCE({"operators":["STREAM_ID",{"command":"RESP","param":"X-REQUEST-ID"}]})%',
        {"deep": [{"er": "%DURATION%"}]},
    ],
)
def test_what_gives_nothing_away_may_be_logged(template: object) -> None:
    assert complaints(template) == []


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("%REQ(AUTHORIZATION)%", "the header AUTHORIZATION"),
        ("%REQ(authorization):4%", "the header authorization"),
        ("%RESP(set-cookie)%", "the header set-cookie"),
        ("%REQ(X-REQUEST-ID?API-KEY)%", "the header X-REQUEST-ID?API-KEY"),
        ("%REQUEST_HEADERS%", "%REQUEST_HEADERS%"),
        ("%DYNAMIC_METADATA(gateway.attempt:bodies)%", "metadata of gateway.attempt"),
        ("%DYNAMIC_METADATA()%", "metadata of every namespace"),
        ("%DYNAMIC_METADATA%", "metadata of every namespace"),
        ("%A_NEW_OPERATOR(x)%", "%A_NEW_OPERATOR%"),
        ("100%", "cannot be read"),
        ("%lower case%", "cannot be read"),
        ('%COALESCE({"operators":["REQUEST_HEADERS"]})%', "%REQUEST_HEADERS%"),
        ('%COALESCE({"operators":[{"command":"REQ","param":"cookie"}]})%', "the header cookie"),
        ("%COALESCE({})%", "cannot be read"),
        ("%COALESCE(not JSON)%", "%COALESCE%"),
        ({"deep": ["%DURATION%", {"er": "%REQ(:PATH)%"}]}, "the header :PATH"),
    ],
)
def test_whatever_else_is_written_is_refused(template: object, says: str) -> None:
    (complaint,) = complaints(template)
    assert says in complaint


@pytest.mark.parametrize("key", ["access_log", "upstream_log"])
def test_every_kind_of_log_is_read_and_nothing_that_is_none(key: str) -> None:
    assert complaints("%REQ(:PATH)%", key)
    assert complaints("%REQ(:PATH)%", "request_headers_to_add") == []


def test_every_complaint_of_a_template_is_told() -> None:
    found: Any = complaints("%REQ(a)% %REQ(b)% %")
    assert len(found) == 3

"""How errors of the OpenAI dialect are read. Recorded ones are judged in tests/unit/exchange/test_plain_body.py."""

import json

import pytest

from extproc.dialects.mistakes import About, Mistake
from extproc.dialects.openai_mistake import read_openai_mistake


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ({"error": {"message": "no", "param": "n", "code": None}}, Mistake("no", "n")),
        ({"error": {"message": "no", "code": "context_length_exceeded"}}, Mistake("no", None, About.TOO_LONG)),
        ({"error": {"message": "no", "type": "insufficient_quota"}}, Mistake(about=About.ACCOUNT)),
        (
            {"error": {"message": "no", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            Mistake("no", None, About.FILTERED),
        ),
        ({"object": "error", "message": "no", "param": "n", "code": 400}, Mistake("no", "n")),
        ({"error": "no", "error_type": "validation"}, Mistake("no")),
        ({"detail": "no"}, Mistake("no")),
        ({"detail": [{"msg": "no"}, {"msg": 7}, 7, {"msg": "nor this"}]}, Mistake("no; nor this")),
        ({"detail": []}, Mistake()),
        ({"error": {"message": 7, "param": ["n"], "innererror": "x"}}, Mistake()),
        ({"error": [], "detail": {}}, Mistake()),
        ([], Mistake()),
    ],
)
def test_an_error_is_read_in_every_form(body: object, mistake: Mistake) -> None:
    assert read_openai_mistake(json.dumps(body).encode()) == mistake


def test_what_is_no_json_says_nothing() -> None:
    assert read_openai_mistake(b"<html>") == Mistake()

"""Whose fault a provider's 400 is. Recorded errors are judged whole in tests/unit/exchange/test_plain_body.py."""

import re

import pytest

from extproc.dialects.mistakes import About, Mistake, judge


@pytest.mark.parametrize(
    ("code", "about"),
    [
        ("context_length_exceeded", About.TOO_LONG),
        ("content_filter", About.FILTERED),
        ("insufficient_quota", About.ACCOUNT),
        ("unsupported_value", About.REQUEST),
        (None, About.REQUEST),
    ],
)
def test_a_code_decides_before_words_do(code: str | None, about: About) -> None:
    assert judge("Something is not right.", None, "invalid_request_error", code).about is about
    if about is not About.REQUEST:
        assert judge("prompt is too long, and billing", None, code).about is about


def test_words_decide_where_there_is_no_code() -> None:
    assert judge("prompt is too long: 2 tokens > 1 maximum", None).about is About.TOO_LONG
    assert judge("Output blocked by content filtering policy", None).about is About.FILTERED
    assert judge("Check your billing.", None).about is About.ACCOUNT
    assert judge("The signature is wrong.", None).about is About.REQUEST
    assert judge("The signature is wrong.", None, ours=re.compile("signature")).about is About.ACCOUNT


def test_words_about_the_account_are_not_kept() -> None:
    assert judge("Your credit balance is too low.", "model") == Mistake(about=About.ACCOUNT)


@pytest.mark.parametrize(
    ("param", "kept"),
    [
        ("messages.[1].role", True),
        ("tools[0].function.name", True),
        ("max_tokens", True),
        ("a b", False),
        ("x" * 201, False),
        ("sk-abcdefgh", False),
        ("api.acme.com", False),
        ("", False),
    ],
)
def test_a_parameter_is_a_place_in_a_request_or_nothing(param: str, kept: bool) -> None:
    assert judge("wrong", param).param == (param if kept else None)

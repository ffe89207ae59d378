"""What a caller never reads of a provider's words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.redaction import HIDDEN, redact


@pytest.mark.parametrize(
    "secret",
    [
        "https://acme.openai.azure.com/openai/deployments/gpt?api-version=1",
        "bedrock-runtime.eu-west-1.amazonaws.com",
        "llm-7.models.svc.cluster.local:8000",
        "localhost:11434",
        "10.1.2.3:8443",
        "[fd00::1]:8443",
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.x",
        "projects/acme-prod/locations/europe-west4/publishers/google/models/gemini-x",
        "subscriptions/0d5f8a2e-9f51-4e0e-8a3c-0a1b2c3d4e5f/resourceGroups/acme",
        "sk-proj-abcd1234",
        "sk-ant-api03-abc",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyD-abcdefghijk",
        "ya29.a0AfH6SMBx",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "Bearer abc",
        "123456789012",
        "org-Abc123def456",
        "0d5f8a2e-9f51-4e0e-8a3c-0a1b2c3d4e5f",
        "req_011CSHoEeqs5C35K2UUqR7Fy",
        "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTIz",
    ],
)
@pytest.mark.parametrize("form", ["{}", "No access to {}.", "({})", '"{}"', "key={}, and more"])
def test_what_is_the_operators_own_is_struck_out(secret: str, form: str) -> None:
    text = redact(form.format(secret))
    assert HIDDEN in text
    for piece in secret.replace("/", ".").split("."):
        assert len(piece) < 4 or piece not in text


@pytest.mark.parametrize("noun", ["model", "The deployment", "resource:", "project", "account", "organization"])
@pytest.mark.parametrize("name", ["'gpt-4-prod'", '"acme eu"', "`gemini`"])
def test_a_name_in_quotes_is_struck_out(noun: str, name: str) -> None:
    assert redact(f"{noun} {name} is busy") == f"{noun} *** is busy"


def test_a_name_that_is_given_is_struck_out_wherever_it_stands() -> None:
    assert redact("gpt-x is busy, ask GPT or gpt-x.", ["gpt-x", ""]) == "*** is busy, ask GPT or ***."
    assert redact("o3 is no promo3", ["o3"]) == "*** is no promo3"


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 128000 tokens. However, you requested 150015 tokens.",
        "messages.1.content.0.image.source.base64.data: must be at most 5 MB",
        "Invalid value: 'temperature' must be <= 2.0, not 3.5",
        "Invalid schema for function 'get_weather': additionalProperties is required to be supplied and to be false",
        "`inputs` tokens + `max_new_tokens` must be <= 4096",
        "Invalid 'tools[0].function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.",
        "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model.",
        "tool_use ids were found without tool_result blocks immediately after: toolu_01A09q90qw90lq917835lq9",
    ],
)
def test_words_about_a_request_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=300))
def test_what_was_redacted_stays_so(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize("piece", ["a.", "a-", "sk-", "a/", "1", "model '", "[:", "eyJa.", "a1"])
def test_no_text_takes_long(piece: str) -> None:
    start_s = time.thread_time()
    redact((piece * 2000)[:2000])
    # Of this thread's own: milliseconds, and minutes for a pattern that goes back and forth.
    assert time.thread_time() - start_s < 5

"""Prompt Shields: what it is asked, and what is made of its answer. Source of both: Azure's REST reference."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.adapters.scanner_azure_shields import AzureShieldsScanner, _together
from extproc.adapters.scanner_http import JsonPoster, Piece
from extproc.model.catalog import CredentialRef
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_scanners import WORDS_OF_OTHERS, AzureShieldsSettings
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.policy.guard_ports import ScanAsked
from tests.scanner_apis import ScannerApi, serving


def judge(question: Any) -> Any:
    """As the reference has it: an attack is whatever says so."""
    answer: dict[str, Any] = {}
    if "userPrompt" in question:
        answer["userPromptAnalysis"] = {"attackDetected": "attack" in question["userPrompt"]}
    if "documents" in question:
        answer["documentsAnalysis"] = [{"attackDetected": "attack" in each} for each in question["documents"]]
    return answer


@pytest.fixture
def api() -> Iterator[ScannerApi]:
    with serving(ScannerApi(answer=judge)) as opened:
        yield opened


async def scan(api: ScannerApi, *leaves: tuple[Trust, str]) -> tuple[Finding, ...]:
    settings = AzureShieldsSettings(CredentialRef("scanners/azure", "key"), api.url + "/", WORDS_OF_OTHERS)
    scanner = AzureShieldsScanner("azure", settings, lambda: Secret("k-1"), JsonPoster("azure", lambda: None))
    asked = tuple(Leaf(("messages", number), text, trust) for number, (trust, text) in enumerate(leaves))
    return tuple(await scanner.scan(ScanAsked("acme", "e1", Direction.INPUT, asked, (), 30.0)))


async def test_a_users_words_are_a_prompt_and_all_others_documents(api: ScannerApi) -> None:
    await scan(api, (Trust.USER, "a"), (Trust.HOSTILE, "b"), (Trust.MODEL, "c"), (Trust.TRUSTED, "d"))
    assert api.asked == [{"userPrompt": "a", "documents": ["b", "c"]}]
    assert api.got[0].line == "POST /contentsafety/text:shieldPrompt?api-version=2024-09-01 HTTP/1.1"
    assert api.got[0].header("ocp-apim-subscription-key") == "k-1"


async def test_each_is_found_by_what_it_is(api: ScannerApi) -> None:
    found = await scan(
        api, (Trust.USER, "an attack"), (Trust.USER, "b"), (Trust.HOSTILE, "c"), (Trust.HOSTILE, "attack")
    )
    assert sorted(found, key=str) == sorted(
        (
            Finding("azure.user_attack", ("messages", 0), 0, 9),
            Finding("azure.document_attack", ("messages", 3), 0, 6),
        ),
        key=str,
    )
    assert sorted(api.asked, key=str) == [
        {"userPrompt": "an attack", "documents": ["c", "attack"]},
        {"userPrompt": "b"},
    ]


async def test_documents_without_a_prompt_are_asked_about_alone(api: ScannerApi) -> None:
    assert await scan(api, (Trust.HOSTILE, "an attack"))
    assert api.asked == [{"documents": ["an attack"]}]


async def test_long_texts_are_cut_as_the_limits_say(api: ScannerApi) -> None:
    texts = ["a" * 24_000 + "attack" + "a" * 2_000, *["b" * 3_000] * 7]
    found = await scan(api, (Trust.USER, texts[0]), *((Trust.HOSTILE, text) for text in texts[1:]))
    assert {(each.kind, each.place) for each in found} == {("azure.user_attack", ("messages", 0))}
    assert all(texts[0][each.start : each.end].count("attack") == 1 for each in found)
    for question in api.asked:
        assert len(question.get("userPrompt", "")) <= 10_000
        assert len(question.get("documents", [])) <= 5
        assert sum(map(len, question.get("documents", []))) <= 10_000


@given(st.lists(st.integers(1, 10_000), max_size=40))
def test_documents_go_together_as_far_as_they_may_and_none_is_lost(sizes: list[int]) -> None:
    pieces = [Piece(Leaf((), "", Trust.HOSTILE), number, "a" * size) for number, size in enumerate(sizes)]
    groups = _together(pieces)
    assert [piece for group in groups for piece in group] == pieces
    assert all(group and len(group) <= 5 and sum(len(each.text) for each in group) <= 10_000 for group in groups)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"userPromptAnalysis": {"attackDetected": False}},
        {"userPromptAnalysis": {"attackDetected": "no"}, "documentsAnalysis": [{"attackDetected": False}]},
        {"userPromptAnalysis": {"attackDetected": False}, "documentsAnalysis": []},
        {"userPromptAnalysis": {"attackDetected": False}, "documentsAnalysis": [{}]},
        {"documentsAnalysis": [{"attackDetected": False}]},
    ],
)
async def test_an_answer_in_another_form_is_none(api: ScannerApi, answer: Any) -> None:
    api.answer = lambda _: answer
    with pytest.raises(Unavailable, match="no sense"):
        await scan(api, (Trust.USER, "a"), (Trust.HOSTILE, "b"))

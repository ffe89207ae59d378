"""A cross-encoder asked whether an answer follows from its context."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from extproc.adapters.onnx_model import ModelInvalid
from extproc.adapters.scanner_entailed import EntailedScanner, open_entailed_scanner
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_scanners import EntailedSettings
from extproc.model.refusals import Unavailable
from extproc.policy.guard_ports import ScanAsked
from tests.tiny_classifier import write_classifier

ANSWER = ("choices", 0, "message", "content")
WORDS = {"evidence": (6.0, 0.0), "penguins": (-3.0, 3.0), "dance": (0.0, 0.0)}
"""A part of the context with evidence bears out anything, however doubtful."""
CLAIM = "penguins dance dance dance."
DOUBT = 0.9975


@asynccontextmanager
async def scanner(directory: Path, **options: Any) -> AsyncIterator[EntailedScanner]:
    write_classifier(directory, WORDS, ("entailment", "contradiction"))
    settings = EntailedSettings(directory, **{"overlap_tokens": 4, "window_tokens": 24, **options})
    async with open_entailed_scanner("follows", settings) as opened:
        yield opened


def ask(answer: str, *context: str, direction: Direction = Direction.OUTPUT) -> ScanAsked:
    leaves = (Leaf(ANSWER, answer, Trust.MODEL), *(Leaf(("#context", 0), text, Trust.HOSTILE) for text in context))
    return ScanAsked("acme", "e1", direction, leaves, (), 30.0)


async def test_each_sentence_has_its_place_and_how_unlikely_it_is_that_it_follows(tmp_path: Path) -> None:
    async with scanner(tmp_path) as opened:
        found = await opened.scan(ask(f"dance dance dance. {CLAIM} Yes.", "dance"))
    assert found == (
        Finding("follows.unsupported", ANSWER, 0, 18, 0.5),
        Finding("follows.unsupported", ANSWER, 19, 19 + len(CLAIM), DOUBT),
    )


async def test_a_sentence_counts_by_the_part_of_the_context_that_bears_it_out_best(tmp_path: Path) -> None:
    async with scanner(tmp_path) as opened:
        for text, score in (("dance " * 60, DOUBT), ("dance " * 30 + "evidence " + "dance " * 30, 0.5)):
            (found,) = await opened.scan(ask(CLAIM, text))
            assert found.score == pytest.approx(score, abs=1e-3)


async def test_all_of_the_context_counts_whichever_text_it_was_in(tmp_path: Path) -> None:
    async with scanner(tmp_path) as opened:
        (found,) = await opened.scan(ask(CLAIM, "dance", "evidence"))
        assert found.score == pytest.approx(0.5, abs=1e-3)


async def test_without_a_context_and_in_a_request_there_is_nothing_to_judge(tmp_path: Path) -> None:
    async with scanner(tmp_path) as opened:
        assert await opened.scan(ask(CLAIM)) == ()
        assert await opened.scan(ask(CLAIM, "dance", direction=Direction.INPUT)) == ()
        assert await opened.scan(ask("Yes.", "dance")) == ()


async def test_what_is_too_much_to_judge_has_no_answer(tmp_path: Path) -> None:
    async with scanner(tmp_path, most_windows=10) as opened:
        assert len(await opened.scan(ask(f"{CLAIM} " * 10, "dance"))) == 10
        for answer, context in ((f"{CLAIM} " * 11, "dance"), (CLAIM, "dance " * 400), ("penguins " * 30, "dance")):
            with pytest.raises(Unavailable):
                await opened.scan(ask(answer, context))


async def test_a_label_that_the_model_does_not_have_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="labels"):
        async with scanner(tmp_path, label="ENTAILMENT"):
            pass

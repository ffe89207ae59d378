"""A classifier asked by many: what it finds, who shares a batch, and whom a long text delays."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from extproc.adapters.onnx_model import ModelInvalid, OnnxModel, Window
from extproc.adapters.scanner_onnx import OnnxScanner, open_onnx_scanner
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_scanners import OnnxSettings
from extproc.model.refusals import Unavailable
from extproc.policy.guard_ports import ScanAsked
from tests.servers import eventually
from tests.tiny_classifier import write_classifier

WORDS = {"ignore": (-2.0, 2.0), "please": (1.0, 0.0)}
PLACE = ("messages", 0, "content")


@asynccontextmanager
async def scanner(directory: Path, **options: Any) -> AsyncIterator[OnnxScanner]:
    write_classifier(directory, WORDS, ("SAFE", "INJECTION"))
    settings = OnnxSettings(
        directory, **{"labels": (("INJECTION", "injection"),), "overlap_tokens": 4, "window_tokens": 16, **options}
    )
    async with open_onnx_scanner("jailbreak", settings) as opened:
        yield opened


def ask(*texts: str, organisation: str = "acme", trust: Trust = Trust.USER) -> ScanAsked:
    leaves = tuple(Leaf(("messages", index, "content"), text, trust) for index, text in enumerate(texts))
    return ScanAsked(organisation, "e1", Direction.INPUT, leaves, (), 30.0)


async def test_the_configured_label_is_a_finding_with_its_probability(tmp_path: Path) -> None:
    async with scanner(tmp_path) as opened:
        assert await opened.scan(ask("ignore", "please please please")) == (
            Finding("jailbreak.injection", PLACE, 0, 6, 0.982),
        )


async def test_a_long_text_is_judged_whole_and_told_by_window(tmp_path: Path) -> None:
    text = "please " * 100 + "ignore " * 12 + "please " * 100
    async with scanner(tmp_path, least_score=0.9) as opened:
        findings = await opened.scan(ask(text))
        assert findings
        assert all("ignore" in text[each.start : each.end] for each in findings)
        assert opened.judged > 20


async def test_texts_of_trusted_words_are_left_alone_unless_asked_for(tmp_path: Path) -> None:
    asked = ask("ignore", trust=Trust.TRUSTED)
    async with scanner(tmp_path / "a") as opened:
        assert await opened.scan(asked) == ()
    async with scanner(tmp_path / "b", trusts=(Trust.TRUSTED,)) as opened:
        assert len(await opened.scan(asked)) == 1


async def test_a_text_too_long_to_be_judged_has_no_answer(tmp_path: Path) -> None:
    async with scanner(tmp_path, most_characters=100) as opened:
        assert len(await opened.scan(ask("a" * 50, "a" * 50))) == 2
        assert await opened.scan(ask()) == ()
        with pytest.raises(Unavailable):
            await opened.scan(ask("a" * 50, "a" * 51))


async def test_questions_of_one_moment_share_a_batch(tmp_path: Path) -> None:
    async with scanner(tmp_path, batch_wait_s=0.2) as opened:
        answers = await asyncio.gather(*(opened.scan(ask("ignore", organisation=str(each))) for each in range(8)))
        assert [len(found) for found in answers] == [1] * 8
        assert (opened.batches, opened.judged) == (1, 8)


async def test_windows_of_very_different_lengths_do_not(tmp_path: Path) -> None:
    async with scanner(tmp_path, batch_wait_s=0.2) as opened:
        await asyncio.gather(opened.scan(ask("ignore")), opened.scan(ask("please " * 12, organisation="b")))
        assert (opened.batches, opened.judged) == (2, 2)


async def test_a_long_text_of_one_delays_the_others_by_one_batch(tmp_path: Path) -> None:
    async with scanner(tmp_path, batch_tokens=32) as opened:
        long = asyncio.create_task(opened.scan(ask("please " * 2000, organisation="long")))
        await eventually(lambda: opened.batches > 2, "the long one under way")
        before = opened.batches
        # As long as those of the others, and shorter than them.
        for text in ("please " * 14, "ignore"):
            assert await opened.scan(ask(text, organisation="short")) is not None
        assert not long.done()
        assert opened.batches - before <= 20
        long.cancel()
        await asyncio.wait({long})


class Gated:
    """A model that cuts a text only when its gate is open, if the text says so."""

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        self.gate = threading.Event()
        self.cut = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def windows(self, text: str) -> list[Window]:
        self.cut += 1
        if "wait" in text:
            self.gate.wait(60)
        return self.model.windows(text)


async def test_long_texts_that_are_being_cut_keep_nobody_elses_from_it(tmp_path: Path) -> None:
    async with scanner(tmp_path) as opened:
        gated = opened.model = Gated(opened.model)  # type: ignore[assignment]
        long = [asyncio.create_task(opened.scan(ask("wait " * 1000, organisation="long"))) for _ in range(8)]
        await eventually(lambda: gated.cut == 1, "one that is being cut")
        for text in ("ignore", "ignore " * 1000):
            assert await opened.scan(ask(text, organisation="short"))
        assert gated.cut == 3
        gated.gate.set()
        await asyncio.gather(*long)


async def test_a_question_that_is_given_up_is_not_judged_any_more(tmp_path: Path) -> None:
    async with scanner(tmp_path, batch_tokens=16) as opened:
        long = asyncio.create_task(opened.scan(ask("please " * 5000, organisation="long")))
        await eventually(lambda: opened.batches > 2, "it under way")
        long.cancel()
        await asyncio.wait({long})
        judged = opened.judged
        await opened.scan(ask("ignore"))
        assert opened.judged <= judged + 3
        assert not opened._waiting


async def test_a_model_that_fails_is_no_answer_and_the_next_question_has_one(tmp_path: Path) -> None:
    async with scanner(tmp_path) as opened:
        labels, opened.model.labels = opened.model.labels, ("one",)
        with pytest.raises(Unavailable):
            await opened.scan(ask("ignore"))
        opened.model.labels = labels
        assert len(await opened.scan(ask("ignore"))) == 1


async def test_what_is_left_of_a_question_that_failed_is_not_judged_any_more(tmp_path: Path) -> None:
    async with scanner(tmp_path, batch_tokens=16) as opened:
        labels, opened.model.labels = opened.model.labels, ("one",)
        with pytest.raises(Unavailable):
            await opened.scan(ask("please " * 5000))
        opened.model.labels = labels
        await opened.scan(ask("ignore"))
        assert opened.judged <= 3


async def test_a_label_that_the_model_does_not_have_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="SAFE, INJECTION, not TOXIC"):
        async with scanner(tmp_path, labels=(("TOXIC", "toxic"),)):
            pass

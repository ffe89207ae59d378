"""Texts of several questions are read together, within bounds; what is late is Unavailable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from extproc.adapters.embedder_onnx import BatchingEmbedder, open_batching
from extproc.model.cache_embedders import EmbedderLimits
from extproc.model.refusals import Unavailable
from tests.servers import eventually
from tests.tiny_encoder import DIMENSIONS, TinyEncoder, vector_of

PATIENT = EmbedderLimits(deadline_s=30)


@asynccontextmanager
async def opened(encoder: TinyEncoder, limits: EmbedderLimits = PATIENT) -> AsyncIterator[BatchingEmbedder]:
    async with open_batching(lambda: encoder, 0.9, limits) as embedder:
        try:
            yield embedder
        finally:
            encoder.gate.set()


async def test_a_text_gets_its_vector() -> None:
    async with opened(TinyEncoder()) as embedder:
        assert await embedder.embed("a cat") == vector_of("a cat")
        assert (embedder.name, embedder.dimensions, embedder.threshold) == ("tiny@1", DIMENSIONS, 0.9)


async def test_those_who_wait_are_read_together_and_each_gets_its_own() -> None:
    encoder = TinyEncoder()
    async with opened(encoder) as embedder:
        encoder.gate.clear()
        first = asyncio.create_task(embedder.embed("first"))
        await eventually(lambda: len(encoder.together) == 1, "the first being read")
        texts = [f"text {number}" for number in range(9)]
        others = [asyncio.create_task(embedder.embed(text)) for text in texts]
        await asyncio.sleep(0)
        encoder.gate.set()
        assert await asyncio.gather(*others) == [vector_of(text) for text in texts]
        assert await first == vector_of("first")
        assert len(encoder.together) == 2
        assert (embedder.batches, embedder.read) == (2, 10)


async def test_a_short_text_is_not_read_at_the_cost_of_a_long_one() -> None:
    encoder = TinyEncoder()
    async with opened(encoder) as embedder:
        encoder.gate.clear()
        first = asyncio.create_task(embedder.embed("first"))
        await eventually(lambda: len(encoder.together) == 1, "the first being read")
        long, short = "long " * 40, "short"
        others = [asyncio.create_task(embedder.embed(text)) for text in (long, short, long + "x")]
        await asyncio.sleep(0)
        encoder.gate.set()
        await asyncio.gather(first, *others)
        assert not any(short in batch and len(batch) > 1 for batch in encoder.together)


async def test_one_more_than_may_wait_is_told_at_once() -> None:
    encoder = TinyEncoder()
    async with opened(encoder, EmbedderLimits(30, most_waiting=2)) as embedder:
        encoder.gate.clear()
        under_way = [asyncio.create_task(embedder.embed("a"))]
        await eventually(lambda: len(encoder.together) == 1, "the first being read")
        under_way += [asyncio.create_task(embedder.embed(text)) for text in ("b", "c")]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many"):
            await embedder.embed("d")
        encoder.gate.set()
        await asyncio.gather(*under_way)


async def test_a_model_that_hangs_is_unavailable_in_time_and_leaves_its_place_to_others() -> None:
    encoder = TinyEncoder()
    async with opened(encoder, EmbedderLimits(0.05, most_waiting=1)) as embedder:
        encoder.gate.clear()
        for text in ("a", "b", "c"):
            with pytest.raises(Unavailable, match="not in time"):
                await embedder.embed(text)
        encoder.gate.set()
        await eventually(lambda: embedder.batches == 1, "the first being read")
        assert encoder.together == [("a",)], "who has gone is not read"


async def test_a_model_that_fails_is_unavailable_and_asked_again() -> None:
    encoder = TinyEncoder(is_broken=True)
    async with opened(encoder) as embedder:
        with pytest.raises(Unavailable, match="RuntimeError"):
            await embedder.embed("a")
        encoder.is_broken = False
        assert await embedder.embed("a") == vector_of("a")


async def test_a_caller_that_is_cancelled_holds_up_nobody() -> None:
    encoder = TinyEncoder()
    async with opened(encoder) as embedder:
        encoder.gate.clear()
        first = asyncio.create_task(embedder.embed("a"))
        await eventually(lambda: len(encoder.together) == 1, "the first being read")
        second = asyncio.create_task(embedder.embed("b"))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.wait({first, second})
        encoder.gate.set()
        assert await embedder.embed("c") == vector_of("c")
        assert encoder.together == [("a",), ("c",)]

"""Questions to somebody else's API: how texts are cut for it, and what it costs when it does not answer well."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.adapters.scanner_http import JsonPoster, all_of, pieces_of
from extproc.model.guard import Leaf, Trust
from extproc.model.refusals import Unavailable
from tests.scanner_apis import ScannerApi, serving
from tests.servers import eventually


@pytest.fixture
def api() -> Iterator[ScannerApi]:
    with serving(ScannerApi(answer=lambda question: {"echo": question})) as opened:
        yield opened


class World:
    def __init__(self, **options: Any) -> None:
        self.rejected = 0
        self.poster = JsonPoster("lakera", self.reject, **options)

    def reject(self) -> None:
        self.rejected += 1

    async def fail(self, url: str, limit_s: float = 30.0) -> str:
        with pytest.raises(Unavailable) as raised:
            await self.poster.post(url, {}, b"1", limit_s)
        assert raised.value.dependency == "lakera"
        return raised.value.reason


@given(st.lists(st.sampled_from(["a" * 300, "🙂" * 150, "b"]), max_size=8).map("".join), st.integers(450, 900))
def test_pieces_are_the_whole_text_and_none_is_too_long_in_utf_16(text: str, most: int) -> None:
    pieces = pieces_of((Leaf((), text, Trust.USER),), (Trust.USER,), most)
    assert all(len(piece.text.encode("utf-16-le")) <= 2 * most for piece in pieces)
    assert all(text[piece.start : piece.end] == piece.text for piece in pieces)
    covered = 0
    for piece in pieces:
        assert piece.start <= covered
        assert piece.start == 0 or covered - piece.start == 200
        covered = piece.end
    assert covered == len(text)


def test_only_whom_it_is_asked_about_is_sent_and_nothing_that_utf_8_does_not_have() -> None:
    leaves = (*(Leaf((trust.value,), "a\ud83d", trust) for trust in Trust), Leaf((), "", Trust.USER))
    pieces = pieces_of(leaves, (Trust.USER, Trust.MODEL), 1000)
    assert [(piece.leaf.trust, piece.text) for piece in pieces] == [(Trust.USER, "a?"), (Trust.MODEL, "a?")]


async def test_answers_are_in_the_order_of_questions_and_a_failure_ends_the_others() -> None:
    begun: list[int] = []
    ended: list[int] = []
    hold = asyncio.Event()

    async def question(number: int) -> int:
        begun.append(number)
        try:
            return await work(number)
        finally:
            ended.append(number)

    async def work(number: int) -> int:
        if number == 2:
            raise Unavailable("x", "no")
        if number > 4:
            await hold.wait()
        return number

    assert await all_of(question(number) for number in (0, 1, 4)) == [0, 1, 4]
    begun.clear()
    ended.clear()
    with pytest.raises(Unavailable):
        await all_of(question(number) for number in (*range(5, 11), 2, *range(11, 50)))
    assert len(begun) <= 9
    assert sorted(ended) == sorted(begun)


async def test_connections_are_used_again(api: ScannerApi) -> None:
    world = World()
    for number in range(3):
        answer = await world.poster.post(api.url, {"x-a": "b"}, str(number).encode(), 30.0)
        assert answer == {"echo": number}
    assert len(api.connections) == 1
    assert api.got[0].header("x-a") == "b"
    assert not {"authorization", "cookie"} & {name for name, _ in api.got[0].headers}
    world.poster.close()


@pytest.mark.parametrize("status", [204, 302, 400, 429, 500])
async def test_what_is_no_answer_is_told_by_its_status_and_never_followed(api: ScannerApi, status: int) -> None:
    world = World()
    api.status, api.headers = status, {"location": api.url + "/elsewhere"}
    assert await world.fail(api.url) == f"answered {status}"
    assert len(api.got) == 1
    assert world.rejected == 0


@pytest.mark.parametrize("status", [401, 403])
async def test_a_credential_that_is_not_taken_is_told(api: ScannerApi, status: int) -> None:
    world = World()
    api.status = status
    assert await world.fail(api.url) == f"answered {status}"
    assert world.rejected == 1


@pytest.mark.parametrize("text", [b"{", b"", b"\xff", b"[" * 100_000])
async def test_what_is_no_json_is_no_answer(api: ScannerApi, text: bytes) -> None:
    api.text = text
    assert await World().fail(api.url) == "its answer is no JSON"


async def test_an_address_where_nobody_listens_is_told_without_itself() -> None:
    assert await World().fail("http://127.0.0.1:1/secret") == "ConnectionError"


async def test_one_that_hangs_is_given_up_in_time_and_its_thread_soon_after(api: ScannerApi) -> None:
    api.answers.clear()
    world = World()
    assert await world.fail(api.url, 0.2) in {"no answer in time", "ReadTimeout"}
    await eventually(lambda: world.poster.under_way == 0, "the thread's end")
    api.answers.set()
    assert await world.poster.post(api.url, {}, b"1", 30.0) == {"echo": 1}


async def test_one_that_trickles_is_given_up_in_time_and_holds_so_many_threads_at_most(api: ScannerApi) -> None:
    api.trickle_s = 0.02
    world = World(most_threads=2)
    reasons = await asyncio.gather(*(world.fail(api.url, 0.3) for _ in range(3)))
    assert max(reasons) == "too many questions are under way"
    await eventually(lambda: world.poster.under_way == 0, "the threads' end")
    api.trickle_s, api.text = 0.0, None
    assert await world.poster.post(api.url, {}, b"1", 30.0) == {"echo": 1}


async def test_an_answer_without_an_end_is_not_read_to_it(api: ScannerApi) -> None:
    api.text = b" " * (5 * 1024 * 1024)
    assert await World().fail(api.url) == "its answer has no end"

"""Whatever goes wrong in a door, nothing unchecked passes: the real Envoy, and doors that have a bug in them."""

import json
import uuid

import httpx
import pytest

from tests.e2e.provider import ANSWER, Turn, word
from tests.e2e.rig import Rig, chat, error_code
from tests.e2e.rig_values import FAULTS, LATE_FAULTS, PROVIDER_KEY, TOKEN


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_admission_that_fails_lets_nothing_through(rig: Rig, fault: str) -> None:
    name = uuid.uuid4().hex
    async with rig.client(headers={"x-test-fault": fault}) as client:
        response = await client.post("/v1/chat/completions", json=chat(x_script=name))
    assert response.status_code in {500, 503}
    assert error_code(response) == "gateway_unavailable"
    assert response.headers["x-request-id"]
    assert rig.provider.got(name) == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_admission_that_fails_without_a_body_lets_nothing_through(rig: Rig, fault: str) -> None:
    async with rig.client(headers={"x-test-fault": fault}) as client:
        response = await client.get("/v1/models")
    assert response.status_code in {500, 503}
    assert error_code(response) == "gateway_unavailable"


async def cut_or_refused(rig: Rig, body: dict[str, object]) -> bytes:
    """What a client got that was not an error of ours; asserts that it never looks like a whole answer."""
    got = b""
    async with rig.client() as client:
        try:
            async with client.stream("POST", "/v1/chat/completions", json=body) as response:
                if response.status_code != 200:
                    await response.aread()
                    assert error_code(response) in {"gateway_unavailable", "upstream_timeout"}
                    return b""
                async for data in response.aiter_bytes():
                    got += data
        except httpx.RemoteProtocolError:
            return got
    raise AssertionError(f"a broken delivery ended as if it were whole: {got!r}")


@pytest.mark.parametrize("fault", ["return", "raise"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
async def test_a_delivery_that_fails_before_its_first_byte_shows_nothing(rig: Rig, fault: str, is_stream: bool) -> None:
    assert await cut_or_refused(rig, chat(model=f"fault-{fault}", stream=is_stream)) == b""


@pytest.mark.parametrize("fault", LATE_FAULTS)
async def test_a_delivery_that_fails_in_a_stream_breaks_it_visibly(rig: Rig, fault: str) -> None:
    async def slow(turn: Turn) -> None:
        await turn.open_stream()
        for _ in range(200):
            await turn.event(word("unscanned"))
        await turn.until_gone()

    rig.provider.scripts["slow-fault"] = slow
    got = await cut_or_refused(rig, chat(model=f"fault-{fault}", stream=True, x_script="slow-fault"))
    assert b"[DONE]" not in got


async def test_a_delivery_that_hangs_is_given_up_and_shows_nothing(rig: Rig) -> None:
    assert await cut_or_refused(rig, chat(model="fault-hang")) == b""
    assert await cut_or_refused(rig, chat(model="fault-hang", stream=True)) == b""


async def test_nothing_secret_is_in_any_log(rig: Rig) -> None:
    async with rig.client(headers={"x-test-fault": "raise"}) as client:
        await client.post("/v1/chat/completions", json=chat("canary-prompt"))
    async with rig.client() as client:
        await client.post("/v1/chat/completions", json=chat("canary-prompt"))
        await client.post("/v1/chat/completions", json=chat("canary-prompt", model="fault-raise"))
    written = (
        rig.logs() + (rig.directory / "journal.jsonl").read_text() + rig.admin("/config_dump") + rig.admin("/stats")
    )
    for secret in (TOKEN, PROVIDER_KEY, "canary-prompt", "Hello."):
        assert secret not in written


async def test_a_killed_worker_breaks_only_its_streams_and_the_others_go_on(own_rig: Rig) -> None:
    async with own_rig.client() as client:
        own_rig.provider.scripts["endless"] = _endless
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(
                "/v1/chat/completions", json=chat(model="fault-kill-late", stream=True, x_script="endless")
            )
        response = await client.post("/v1/chat/completions", json=chat())
        assert response.json() == ANSWER


async def _endless(turn: Turn) -> None:
    await turn.open_stream()
    while not turn.is_gone.is_set():
        await turn.event(word("x"))


async def test_a_rewrite_that_raises_answers_500_and_sends_nothing(rig: Rig) -> None:
    del rig

    def break_script(files: dict[str, dict[str, object]]) -> None:
        text = json.dumps(files["cds.json"])
        broken = text.replace("local headers = handle:headers()", "local headers = nil; headers:no()")
        assert broken != text
        files["cds.json"] = json.loads(broken)

    from tests.e2e.rig import make_rig  # noqa: PLC0415

    for broken in make_rig(edit=break_script):
        async with broken.client() as client:
            response = await client.post("/v1/chat/completions", json=chat())
        assert response.status_code == 500
        assert error_code(response) == "internal_error"
        assert broken.provider.requests == []

"""Another model behind an application's name is one changed line of gateway.yaml, and no request notices.

The line goes the way an operator's edit goes: Envoy's files, Envoy, the workers' copy, the workers. ``yard`` has the
deployments.
"""

import asyncio
import difflib
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from extproc.dataplane.rollout import Places, Rollout
from extproc.dataplane.target import Target
from tests.faults.speech import SPEECHES
from tests.faults.yard import Yard, chat_of, deployment_name, open_yard, text_of
from tests.servers import eventually

_URL = "/v1/chat/completions"
_OPENAI, _BEDROCK = deployment_name("first", "openai"), deployment_name("second", "bedrock")
SWAPS = [
    (f"upstream_model: model-{_OPENAI}", "upstream_model: model-of-tomorrow"),
    (f"- deployment: {_OPENAI}", f"- deployment: {_BEDROCK}"),
    (f"upstream_model: model-{_BEDROCK}", "upstream_model: model-of-next-year"),
]
SERVED = [
    (_OPENAI, f"model-{_OPENAI}"),
    (_OPENAI, "model-of-tomorrow"),
    (_BEDROCK, f"model-{_BEDROCK}"),
    (_BEDROCK, "model-of-next-year"),
]


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    yield from open_yard()


async def test_a_swapped_model_under_load_fails_no_request_and_is_one_line(yard: Yard) -> None:
    rig = yard.rig
    target = Target(rig.envoy_dir, rig.directory, "127.0.0.1", listen_port=0, admin_port=0, health_port=0)
    source = rig.directory / "edited.yaml"
    rollout = Rollout(Places(source, target, rig.envoy_dir, rig.config), lambda: frozenset(rig.clusters()))
    served, failed = Counter[tuple[str, str]](), Counter[str]()
    is_over = asyncio.Event()

    async def load(client: httpx.AsyncClient, *, is_stream: bool) -> None:
        while not is_over.is_set():
            body = chat_of("alias/group", text_of(yard.next_id()), is_stream=is_stream)
            try:
                response = await client.post(_URL, json=body)
            except httpx.TransportError as error:
                failed[repr(error)] += 1
                continue
            if not _is_whole(response, is_stream=is_stream):
                failed[f"{response.status_code} {response.text[:200]}"] += 1
                continue
            served[response.headers["x-gateway-deployment"], response.headers["x-gateway-model"]] += 1

    async with rig.client() as client:
        loads = [asyncio.create_task(load(client, is_stream=index % 2 == 0)) for index in range(6)]
        text = rig.config.read_text()
        await eventually(lambda: served[SERVED[0]] > 20, "traffic")
        for (old, new), expected in zip(SWAPS, SERVED[1:], strict=True):
            edited = text.replace(f"{old}\n", f"{new}\n")
            assert _changed_lines(text, edited) == 1
            await rollout.take(edited)
            text = edited
            await eventually(
                lambda expected=expected: served[expected] > 20 or bool(failed),  # type: ignore[misc]
                f"{expected} to serve",
                20,
            )
        is_over.set()
        await asyncio.gather(*loads)
    assert not failed
    assert set(served) == set(SERVED)


def _is_whole(response: httpx.Response, *, is_stream: bool) -> bool:
    if response.status_code != 200:
        return False
    dialect = "openai" if response.headers["x-gateway-deployment"] == _OPENAI else "bedrock"
    golden = SPEECHES[dialect].golden
    if is_stream:
        return response.text.endswith("data: [DONE]\n\n") and golden["text"].removeprefix("Hello") in response.text
    return bool(response.json()["choices"] == golden["canonical"]["choices"])


def _changed_lines(old: str, new: str) -> int:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm=""))[2:]
    added, removed = [each for each in lines if each[0] == "+"], [each for each in lines if each[0] == "-"]
    assert len(added) == len(removed)
    return len(added)

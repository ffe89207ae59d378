"""A new gateway.yaml under load: streams that are open go on, and no request notices."""

import asyncio
from collections import Counter
from dataclasses import replace

import httpx

from extproc.config.gateway import parse
from extproc.model.ids import DeploymentName, GroupName
from tests.e2e.provider import ANSWER
from tests.e2e.rig import Rig, chat, gateway_text
from tests.faults.test_restarts import Gated, many, patient_rig, read_stream
from tests.servers import eventually

__all__ = ["patient_rig"]

OTHER = DeploymentName("other")


async def test_reloads_under_load_lose_nothing_and_open_streams_go_on(patient_rig: Rig) -> None:
    rig = patient_rig
    gated, seen, statuses = Gated(rig), Counter[str](), Counter[object]()
    is_over = asyncio.Event()

    async def load(client: httpx.AsyncClient) -> None:
        while not is_over.is_set():
            try:
                # Its second deployment leaves and comes back below; the workers never hear of it.
                response = await client.post("/v1/chat/completions", json=chat(model="pair"))
            except httpx.TransportError as error:
                statuses[type(error).__name__] += 1
            else:
                statuses[response.status_code, response.json() == ANSWER] += 1

    async with many(rig) as client:
        streams = [asyncio.create_task(read_stream(client, seen)) for _ in range(30)]
        await eventually(lambda: seen["first"] == 30, "the streams", 30)
        loads = [asyncio.create_task(load(client)) for _ in range(6)]
        for round_ in range(4):
            await change_main(rig, round_)
            served = statuses[200, True]
            await eventually(
                lambda served=served: statuses[200, True] > served + 40 or len(statuses) > 1, "traffic", 30
            )  # type: ignore[misc]
        gated.gate.set()
        ends = Counter(await asyncio.gather(*streams))
        is_over.set()
        await asyncio.gather(*loads)
    assert ends == {"whole": 30}
    assert set(statuses) == {(200, True)}, statuses


async def change_main(rig: Rig, round_: int) -> None:
    """Change the cluster that carries everything, and take another one away or bring it back."""
    full = parse(gateway_text(rig.provider.port, rig.other.port), "rig")
    deployments = dict(full.catalog.deployments)
    main = deployments[DeploymentName("main")]
    deployments[main.name] = replace(main, max_connections=500 + round_)
    groups = dict(full.catalog.groups)
    if round_ % 2 == 0:
        del deployments[OTHER]
        pair = groups[GroupName("pair")]
        groups[pair.name] = replace(pair, members=pair.members[:1])
    before = rig.stat("cluster_manager[.]cds[.]update_success")
    rig.gateway = replace(full, catalog=replace(full.catalog, deployments=deployments, groups=groups))
    rig.write_envoy_files()
    await eventually(lambda: rig.stat("cluster_manager[.]cds[.]update_success") > before, "the reload")

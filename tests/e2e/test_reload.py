"""Envoy follows what is published: new clusters, routes and listeners' content, without a restart and without a cut."""

import asyncio
import json
import re

from extproc.config.gateway import parse
from extproc.dataplane.render import render
from extproc.dataplane.swap import publish
from tests.e2e.edge_doors import admit
from tests.e2e.edge_rig import Edge, running
from tests.e2e.provider import Provider, Turn

_DEADLINE_S = 60.0


def _text(port: int, *names: str, hosts: str = '["*"]') -> str:
    deployments = [f'{{name: {name}, base_url: "http://127.0.0.1:{port}/v1", upstream_model: m}}' for name in names]
    chain = ", ".join(names)
    listener = f"listener: {{hosts: {hosts}}}"
    models = f"models: [{{name: m, deployments: [{chain}]}}]"
    return f"workers: 1\n{listener}\ndeployments: [{', '.join(deployments)}]\n{models}"


async def _clusters(edge: Edge) -> set[str]:
    listed = await edge.admin("/clusters")
    return set(re.findall(r"^deployment\.([a-z]+)::default_priority::max_connections", listed, re.MULTILINE))


async def _change(edge: Edge, text: str) -> None:
    await asyncio.to_thread(publish, render(parse(text, "new"), edge.target), edge.directory / "xds")


async def test_a_new_deployment_serves_soon_after_it_is_published_and_an_old_one_a_generation_longer() -> None:
    provider = Provider().start()
    async with running(_text(provider.port, "a"), provider=provider) as edge, edge.client() as client:
        assert await _clusters(edge) == {"a"}
        await _change(edge, _text(provider.port, "b"))
        await edge.wait(lambda: _has(edge, {"a", "b"}), "both clusters", _DEADLINE_S)
        for name in ("b", "a"):  # planned before the change, sent after it
            edge.admission = admit(name)
            assert (await client.post("/x", json={})).status_code == 200
        await _change(edge, _text(provider.port, "b", "c"))
        await edge.wait(lambda: _has(edge, {"b", "c"}), "the old cluster gone", _DEADLINE_S)
    provider.stop()


async def _has(edge: Edge, names: set[str]) -> bool:
    return await _clusters(edge) == names


async def test_a_stream_that_is_open_survives_reloads() -> None:
    provider = Provider().start()
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def long(turn: Turn) -> None:
        await turn.open_stream()
        await turn.event({"n": 1})
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))
        await turn.event({"n": 2})
        await turn.end()

    provider.scripts["long"] = long
    async with running(_text(provider.port, "a"), provider=provider) as edge, edge.client() as client:
        async with client.stream("POST", "/x", json={"x_script": "long"}) as response:
            lines = response.aiter_lines()
            assert await anext(lines) == 'data: {"n": 1}'
            # Everything changes: clusters, routes, and a's own cluster is first kept, then removed.
            for names in (("b",), ("b", "c"), ("c",)):
                await _change(edge, _text(provider.port, *names, hosts="[other.example]"))
                await edge.wait(lambda names=names: _covers(edge, set(names)), f"clusters {names}", _DEADLINE_S)
            go_on.set()
            assert [line async for line in lines if line] == ['data: {"n": 2}']
        assert "a" not in await _clusters(edge)
        assert (await client.post("/x", json={})).status_code == 421  # the new routes are in force
    provider.stop()


async def _covers(edge: Edge, names: set[str]) -> bool:
    return names <= await _clusters(edge)


async def test_files_that_envoy_refuses_change_nothing() -> None:
    provider = Provider().start()
    async with running(_text(provider.port, "a"), provider=provider) as edge, edge.client() as client:
        files = render(parse(_text(provider.port, "b"), "new"), edge.target)
        clusters = json.loads(files["cds.json"])
        for cluster in clusters["resources"]:
            cluster["connect_timeout"] = "0s"
        await asyncio.to_thread(publish, {**files, "cds.json": json.dumps(clusters)}, edge.directory / "xds")
        await edge.wait(lambda: _rejected(edge), "a rejected update", _DEADLINE_S)
        assert (await client.post("/x", json={})).status_code == 200
    provider.stop()


async def _rejected(edge: Edge) -> bool:
    found = json.loads(await edge.admin("/stats?format=json&filter=cluster_manager.cds.update_rejected"))["stats"]
    return any(each["value"] > 0 for each in found)

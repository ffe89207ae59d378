"""What metrics cost a request while their receiver hangs: paired with workers that export nothing.

    PYTHONPATH=. python bench/metrics.py [rounds]

Two rigs of real Envoy, workers, Postgres and Valkey stand beside each other and are asked in turn, 50 requests at a
time, so that both meet the same noise. The provider answers at once. Exit code 0: measured.
"""

import asyncio
import os
import sys
import time

import httpx

from extproc.adapters.otel_metrics import OtelMetrics
from extproc.model.metrics import ATTEMPTS
from tests.e2e.rig import chat
from tests.faults.money_world import TOKENS, World, run_world, used_up
from tests.otlp_sink import Sink, serving_http

BATCH = 50
NUMBERS = 20_000
EXPORT = {"OTEL_METRIC_EXPORT_INTERVAL": "500"}


async def ask(client: httpx.AsyncClient, times: int) -> list[float]:
    """Milliseconds of each request."""
    found = []
    for _ in range(times):
        began_s = time.perf_counter()
        answer = await client.post("/v1/chat/completions", json=chat(x_script="used-up", max_tokens=TOKENS))
        assert answer.status_code == 200
        found.append((time.perf_counter() - began_s) * 1000)
    return found


async def measure(worlds: dict[str, World], rounds: int) -> dict[str, list[float]]:
    """All times of each, asked in turn and in turns."""
    clients = {name: world.rig.client() for name, world in worlds.items()}
    found: dict[str, list[float]] = {name: [] for name in worlds}
    for client in clients.values():
        await ask(client, BATCH)
    for number in range(rounds):
        for name in sorted(clients, reverse=number % 2 == 0):
            found[name] += await ask(clients[name], BATCH)
    for client in clients.values():
        await client.aclose()
    return found


def time_numbers(url: str) -> float:
    """Microseconds of one number."""
    meter = OtelMetrics({"OTEL_EXPORTER_OTLP_ENDPOINT": url}, 0, "bench")
    began_s = time.perf_counter()
    for _ in range(NUMBERS):
        meter.add(ATTEMPTS, deployment="d", result="answered")
    took_s = time.perf_counter() - began_s
    meter.close(0.1)
    return took_s / NUMBERS * 1e6


def main(rounds: int) -> int:
    """Start both, measure, tell."""
    without = run_world()
    worlds = {"exporting nothing": next(without)}
    with serving_http(Sink()) as sink:
        sink.answers.clear()
        os.environ |= {**EXPORT, "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url}
        hanging = run_world()
        worlds["receiver hangs"] = next(hanging)
        for world in worlds.values():
            world.rig.provider.scripts["used-up"] = used_up
        for name, times in asyncio.run(measure(worlds, rounds)).items():
            times.sort()
            p50, p95, p99 = (times[int(len(times) * share)] for share in (0.5, 0.95, 0.99))
            print(f"{name}: {len(times)} requests, p50 {p50:.2f} ms, p95 {p95:.2f} ms, p99 {p99:.2f} ms")
        print(f"one number: {time_numbers(sink.url):.1f} µs")
        hanging.close()
    without.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))

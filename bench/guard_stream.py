"""What judging a stream costs: the same answer through delivery's body with and without a guard, in pairs.

    python -m bench.guard_stream [--pairs 20] [--chunks 500]

Prints microseconds of processor time for each chunk and the ratio of each pair, for policies of growing size. No
network: what is measured is reading, judging and writing of the stream in one worker.
"""

import argparse
import asyncio
import json
import statistics
import time

from extproc.adapters.memory_guard import MemoryRuleRunner
from extproc.dialects.openai import OpenAi
from extproc.dialects.surface import Asked
from extproc.dialects.surfaces import SURFACES
from extproc.exchange.output_guard import OutputGuard
from extproc.exchange.stream_body import StreamBody
from extproc.guard.canary import canary_for
from extproc.model.guard import GuardSecrets
from extproc.model.guard_policy import Action, Check, GuardPolicies, GuardPolicy
from extproc.policy.guard import GuardDesk, Subject

PROSE = (
    "The committee met on Tuesday and agreed, after some discussion, that the old bridge should be kept open until the "
    "new one is ready. Its engineers had asked for another survey; nobody could say who would pay for it. "
)
LEAKAGE = Check("leakage", Action.BLOCK)
SECRETS = Check("secrets", Action.BLOCK)
PII = Check("pii", Action.REDACT)
POLICIES = {
    "leakage": (LEAKAGE,),
    "leakage, secrets": (LEAKAGE, SECRETS),
    "leakage, secrets, pii": (LEAKAGE, SECRETS, PII),
    "all": (LEAKAGE, SECRETS, PII, Check("markers", Action.FLAG), Check("urls", Action.FLAG)),
}


def events(chunks: int) -> list[bytes]:
    words = (PROSE * (chunks // 30 + 1)).split(" ")[:chunks]
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x"}
    said = [
        {**frame, "choices": [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}]} for word in words
    ]
    last = {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return [b"data: " + json.dumps(each).encode() + b"\n\n" for each in (*said, last)] + [b"data: [DONE]\n\n"]


def make_guard(checks: tuple[Check, ...]) -> OutputGuard:
    policy = GuardPolicy("v1", output=checks)
    desk = GuardDesk(lambda: GuardPolicies(default=policy), MemoryRuleRunner(), dict)
    return OutputGuard(desk, policy, Subject("acme", "x", "v1"), GuardSecrets(canary=canary_for(b"bench", "x")))


async def play(data: list[bytes], checks: tuple[Check, ...] | None) -> float:
    """Seconds of processor time for the whole stream."""
    guard = None if checks is None else make_guard(checks)
    writer = SURFACES["openai"].open_writer(Asked("x", "m", wants_usage=True, created_s=1))
    body = StreamBody(OpenAi(), writer, max_held_bytes=1 << 25, guard=guard)
    began = time.process_time()
    for each in data[:-1]:
        await body.feed(each, is_last=False)
    await body.feed(data[-1], is_last=True)
    return time.process_time() - began


async def main(pairs: int, chunks: int) -> None:
    data = events(chunks)
    print(f"{'policy':<24}{'without':>10}{'with':>10}{'ratio':>8}  (us a chunk, median of {pairs} pairs)")
    for name, checks in POLICIES.items():
        without, with_, ratios = [], [], []
        await play(data, checks)
        for _ in range(pairs):
            a, b = await play(data, None), await play(data, checks)
            without.append(a)
            with_.append(b)
            ratios.append(b / a)
        each = [statistics.median(times) / len(data) * 1e6 for times in (without, with_)]
        print(f"{name:<24}{each[0]:>10.1f}{each[1]:>10.1f}{statistics.median(ratios):>8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--chunks", type=int, default=500)
    given = parser.parse_args()
    asyncio.run(main(given.pairs, given.chunks))

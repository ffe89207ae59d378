import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.adapters.memory_guard import MemoryRuleRunner, MemoryScanner
from extproc.dialects.dialect import Answer, Aside, Chunk, Done, Ping, StreamItem
from extproc.exchange.output_guard import OutputGuard, Stopped, open_output_guard
from extproc.exchange.output_lanes import GATE_SIZES
from extproc.model.guard import GuardSecrets, Redaction, Result, Trust
from extproc.model.guard_policy import Action, Check, OnFailure
from extproc.model.refusals import COMPLETION_BLOCKED, SCANNER_UNAVAILABLE
from tests.guard_world import (
    CANARY,
    DIGITS,
    END,
    CountingRunner,
    Heard,
    argued,
    chunk,
    cut,
    desk,
    ending,
    flow,
    guard,
    said,
    words,
)
from tests.unit.exchange.test_delivery import context

PROSE = "The quick brown fox jumps over the lazy dog and runs away. "
BLOCK, FLAG = words(Action.BLOCK), words(Action.FLAG)
SECRETS = GuardSecrets(redactions=(Redaction("[EMAIL_1_123456]", 'a"b@x.example', "pii.email"),))


def answer(message: dict[str, Any], **more: Any) -> Answer:
    value = {"id": "c1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **more}
    return Answer(json.dumps(value).encode(), None, value=value)


async def refused(through: OutputGuard, items: list[StreamItem]) -> tuple[Heard, Stopped]:
    heard = Heard()
    with pytest.raises(Stopped) as caught:
        await flow(through, items, heard)
    return heard, caught.value


async def test_harmless_text_passes_whole_in_its_chunks_and_in_order() -> None:
    pieces = cut(PROSE * 9, range(0, 999, 7))
    through = guard(BLOCK, DIGITS)
    heard = await flow(through, [*said(*pieces), *ending(), *END])
    assert (heard.content, heard.is_done) == (PROSE * 9, True)
    assert heard.chunks == len(pieces) + 1
    assert [verdict.result for verdict in through.verdicts] == [Result.CLEAN, Result.CLEAN]


async def test_prose_waits_no_longer_than_the_reach_and_a_few_words() -> None:
    through, heard, given = guard(BLOCK), Heard(), 0
    for piece in cut(PROSE * 40, range(0, 9999, 4)):
        given += len(piece)
        heard.take(await through.stream(said(piece)))
        assert given - len(heard.content) <= len(CANARY) + 64 + 16


async def test_a_blocked_text_stops_before_anything_of_it_has_gone() -> None:
    through = guard(BLOCK)
    heard, stopped = await refused(through, [*said(*(PROSE * 3 + CANARY + PROSE * 3)), *ending(), *END])
    assert stopped.kind is COMPLETION_BLOCKED
    assert PROSE * 2 in heard.content
    assert CANARY[:6] not in heard.content
    (verdict,) = through.verdicts
    assert (verdict.result, verdict.count) == (Result.BLOCKED, 1)
    assert verdict.findings[0].start == len(PROSE) * 3


async def test_a_rule_that_has_seen_enough_does_not_wait_for_one_that_has_not() -> None:
    far = words(Action.FLAG, "x" * 900)
    through = guard(Check("leakage", Action.BLOCK), far, secrets=GuardSecrets(canary=CANARY))
    heard, _ = await refused(through, said(*cut(PROSE * 30 + CANARY + " " + PROSE * 8, range(0, 9999, 10))))
    assert PROSE * 9 in heard.content
    assert CANARY[:6] not in heard.content
    assert through.verdicts[0].count == 1


async def test_an_encoded_text_is_found_however_it_is_cut() -> None:
    encoded = base64.b64encode(b"so: " + CANARY.encode() + b" it is said to be").decode()
    for size in (1, 3, 7, 50):
        text = PROSE + encoded + " " + PROSE
        heard, _ = await refused(guard(BLOCK), [*said(*cut(text, range(0, 999, size))), *ending(), *END])
        assert encoded[:10] not in heard.content


async def test_an_encoded_run_that_can_be_read_is_not_called_opaque_however_it_is_cut() -> None:
    packed = base64.b64encode(gzip.compress(b"harmless words " * 400 + bytes(range(256)), mtime=0)).decode()
    for size in (40, 1000):
        through = guard(Check("opaque", Action.BLOCK), FLAG)
        assert (await flow(through, [*said(*cut(PROSE + packed, range(0, 9999, size))), *END])).is_done


async def test_a_flagged_text_goes_on_and_is_counted_once() -> None:
    through = guard(FLAG)
    heard = await flow(through, [*said(*(PROSE + CANARY + PROSE * 5)), *ending(), *END])
    assert CANARY in heard.content
    assert (through.verdicts[0].result, through.verdicts[0].count) == (Result.FLAGGED, 1)


async def test_what_is_taken_out_leaves_chunks_and_arguments_whole() -> None:
    through = guard(DIGITS)
    text = json.dumps({"number": 123456789, "note": "call 12345678 now"})
    heard = await flow(through, [*said(*"call 12345678 or 1234567890123"), *argued(*text), *ending(), *END])
    assert heard.content == "call [number removed] or 1234567890123"
    assert json.loads(heard.arguments) == {"number": "[number removed]", "note": "call [number removed] now"}
    assert (through.verdicts[0].result, through.verdicts[0].count) == (Result.REDACTED, 3)


async def test_the_callers_own_values_come_back_in_text_and_arguments() -> None:
    text = "Write to [EMAIL_1_123456]."
    heard = await flow(
        guard(secrets=SECRETS), [*said(*text), *argued(*json.dumps({"to": "[EMAIL_1_123456]"})), *ending(), *END]
    )
    assert heard.content == 'Write to a"b@x.example.'
    assert json.loads(heard.arguments) == {"to": 'a"b@x.example'}
    kept = await flow(guard(secrets=SECRETS, restores=False), [*said(text), *END])
    assert kept.content == text


async def test_log_probabilities_do_not_say_what_was_taken_out() -> None:
    def spoken(*pieces: str) -> list[StreamItem]:
        return [
            chunk({"content": piece}, logprobs={"content": [{"token": piece, "logprob": -0.1}]}) for piece in pieces
        ]

    through = guard(DIGITS)
    out: list[StreamItem] = []
    for item in [*spoken(*PROSE, *PROSE, *"12345678", *" and more"), *ending(), *END]:
        out += await through.stream([item])
    chunks = [item.value["choices"][0] for item in out if isinstance(item, Chunk)]
    assert chunks[0]["logprobs"] is not None
    assert all(each.get("logprobs") is None for each in chunks[len(PROSE) * 2 :])
    plain = answer({"content": "12345678"})
    assert plain.value is not None
    plain.value["choices"][0]["logprobs"] = {"content": [{"token": "12345678"}]}
    went = await guard(DIGITS).answer(plain)
    assert b"12345678" not in went.body


async def test_a_canary_in_log_probabilities_alone_is_found() -> None:
    tokens = [{"token": piece, "logprob": -0.1} for piece in cut(CANARY, [4, 9])]
    items = [chunk({"content": "x"}, logprobs={"content": [token]}) for token in tokens]
    heard, _ = await refused(guard(BLOCK), [*items, *ending(), *END])
    assert heard.content == ""


async def test_a_canary_over_two_fields_or_choices_is_not_delivered_whole() -> None:
    # Neither half has two of the canary's groups, by which alone it would be known.
    half, rest = CANARY[:10], CANARY[10:14]
    for first, second in [
        (said(half, field="reasoning_content"), said(rest)),
        (said(half, choice=0), said(rest, choice=1)),
        ([*said(half, choice=0), *ending(0)], said(rest, choice=1)),
        (said(half), argued(rest)),
    ]:
        through = guard(Check("leakage", Action.BLOCK), secrets=GuardSecrets(canary=CANARY))
        heard, _ = await refused(through, [*said(PROSE), *first, *second, *ending(1), *END])
        assert all(rest not in text for text in heard.texts.values())


async def test_what_stands_beside_the_choices_is_judged_in_every_chunk_that_changes_it() -> None:
    def beside(**more: str) -> Chunk:
        item = chunk({})
        return Chunk({**item.value, **more})

    through = guard(BLOCK)
    assert await through.stream([beside(), beside()])
    with pytest.raises(Stopped):
        await through.stream([beside(system_fingerprint=CANARY)])
    masking = guard(DIGITS)
    out = await masking.stream([beside(model="m-12345678"), beside(model="m-12345678"), beside(model="m")])
    for _ in range(3):
        out += await masking.stream([beside(model="m-12345678")])
    names = [item.value["model"] for item in out if isinstance(item, Chunk)]
    assert names == [*["m-[number removed]"] * 2, "m", *["m-[number removed]"] * 3]


async def test_ids_and_names_are_judged_at_once_and_hold_nothing_up() -> None:
    first = await guard(BLOCK).stream([chunk({"role": "assistant", "content": ""}, system_fingerprint="fp_1")])
    assert len(first) == 1
    with pytest.raises(Stopped):
        await guard(BLOCK).stream([chunk({"tool_calls": [{"index": 0, "id": CANARY, "function": {"name": "f"}}]})])
    through = guard(BLOCK)
    assert await through.stream([chunk({}, system_fingerprint=CANARY[:9])])
    with pytest.raises(Stopped):
        await through.stream([chunk({}, system_fingerprint=CANARY[9:])])


async def test_padding_that_says_nothing_is_left_out() -> None:
    (item,) = await guard(BLOCK).stream([Chunk({"choices": [], "obfuscation": "aZ3"}, b"{}")])
    assert item == Chunk({"choices": []})


async def test_a_ping_does_not_wait() -> None:
    through = guard(BLOCK)
    assert await through.stream([*said("held"), Ping()]) == [Ping()]


async def test_what_goes_beside_the_canonical_form_is_judged_too() -> None:
    for value in ({"signature": CANARY}, {"redacted_thinking": CANARY}, {"stop": {"stop_details": {"x": CANARY}}}):
        with pytest.raises(Stopped):
            await guard(BLOCK).stream([Aside(value)])
    assert await guard(BLOCK).stream([Aside({"signature": "c2ln"})]) == [Aside({"signature": "c2ln"})]
    extended = replace(answer({"content": "x"}), extension={"stop": {"stop_sequence": CANARY}})
    with pytest.raises(Stopped):
        await guard(BLOCK).answer(extended)


async def test_a_plain_answer_is_judged_and_written_anew() -> None:
    doubled = replace(answer({"content": "hi"}), body=b'{"choices":[],"choices":[{"message":{"content":"hi"}}]}')
    went = await guard(DIGITS).answer(doubled)
    assert went.body == b'{"id":"c1","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}'
    with pytest.raises(Stopped):
        await guard(BLOCK).answer(answer({"content": None, "refusal": f"no: {CANARY}"}))
    counted = await guard(BLOCK).answer(Answer(b'{"input_tokens":3}', None))
    assert counted.body == b'{"input_tokens":3}'


async def test_a_providers_mistake_is_told_as_far_as_it_may_be() -> None:
    assert await guard(BLOCK).told("temperature is too high", "temperature") == (
        "temperature is too high",
        "temperature",
    )
    assert await guard(BLOCK).told(f"You wrote: {CANARY}", None) == ("", None)
    assert await guard(secrets=SECRETS).told("[EMAIL_1_123456] is none", None) == ('a"b@x.example is none', None)


def model(action: Action, **more: Any) -> Check:
    return Check("onnx", action, is_builtin=False, **more)


async def test_nothing_goes_that_a_model_with_a_say_has_not_judged() -> None:
    scanner = MemoryScanner({"poison": "toxicity.x"})
    through = guard(model(Action.BLOCK), scanners={"onnx": scanner})
    heard = Heard()
    for piece in cut(PROSE * 60, range(0, 9999, 10)):
        heard.take(await through.stream(said(piece)))
        judged = max((len(leaf.text) for asked in scanner.asked for leaf in asked.leaves), default=0)
        assert judged > 0 or not heard.content
    sizes = [len(leaf.text) for asked in scanner.asked for leaf in asked.leaves if leaf.place[-1] == "content"]
    assert len(scanner.asked) == len(sizes)
    assert {leaf.text for leaf in scanner.asked[0].leaves if leaf.place[0] != "choices"} == {"c1", "m"}
    assert sizes[:3] == [-(-size // 10) * 10 for size in GATE_SIZES]
    assert max(sizes) <= 2 * GATE_SIZES[-1] + 10
    late, _ = await refused(
        guard(model(Action.BLOCK), scanners={"onnx": scanner}), [*said(*(PROSE + "poison")), *ending(), *END]
    )
    assert late.content == ""


async def test_a_model_that_only_flags_is_asked_once_and_holds_nothing_up() -> None:
    scanner = MemoryScanner({"poison": "toxicity.x"})
    through = guard(model(Action.FLAG), scanners={"onnx": scanner})
    heard = await flow(through, said(PROSE, "poison"))
    assert heard.content == PROSE + "poison"
    assert scanner.asked == []
    await flow(through, [*ending(), *END])
    assert len(scanner.asked) == 1
    assert through.verdicts[0].result is Result.FLAGGED


@pytest.mark.parametrize(("on_failure", "is_open"), [(OnFailure.CLOSED, False), (OnFailure.OPEN, True)])
async def test_a_scanner_that_is_down_opens_or_closes_as_its_check_says(on_failure: OnFailure, is_open: bool) -> None:
    for through in (
        guard(model(Action.BLOCK, on_failure=on_failure), scanners={"onnx": MemoryScanner(is_down=True)}),
        guard(words(Action.BLOCK, on_failure=on_failure), runner=MemoryRuleRunner(is_down=True)),
    ):
        if is_open:
            assert (await flow(through, [*said(PROSE), *END])).content == PROSE
            assert through.verdicts[0].result is Result.FAILED_OPEN
        else:
            heard, stopped = await refused(through, [*said(PROSE), *END])
            assert (stopped.kind, heard.content) == (SCANNER_UNAVAILABLE, "")
            assert through.verdicts[0].result is Result.FAILED_CLOSED


async def test_a_schema_is_held_against_the_whole_answer_at_its_end() -> None:
    secrets = GuardSecrets(schema='{"content":{"type":"object","required":["n"]}}')
    schema = Check("schema", Action.BLOCK)
    kept = guard(schema, secrets=secrets)
    assert (await flow(kept, [*said(*cut('{"n": 1}', [3])), *ending(), *END])).is_done
    assert kept.verdicts[0].result is Result.CLEAN
    heard, stopped = await refused(guard(schema, secrets=secrets), [*said('{"m": 1}'), *ending(), *END])
    assert (stopped.kind, heard.is_done) == (COMPLETION_BLOCKED, False)
    unfit = guard(schema, secrets=GuardSecrets(schema='{"content":{"type":7}}'))
    await flow(unfit, [*said("x"), *END])
    assert [verdict.result for verdict in unfit.verdicts] == [Result.NOT_RUN]


async def test_the_context_goes_to_those_who_judge_the_whole_and_is_not_judged_itself() -> None:
    secrets = GuardSecrets(context=("the poison of the dart frog",))
    for action in (Action.FLAG, Action.BLOCK):
        scanner = MemoryScanner({"poison": "toxicity.x"})
        through = guard(model(action), scanners={"onnx": scanner}, secrets=secrets)
        assert (await flow(through, [*said("Frogs."), *END])).is_done
        assert [leaf.trust for leaf in scanner.asked[-1].leaves if leaf.place[0] == "#context"] == [Trust.HOSTILE]
        assert [leaf.place[2] for leaf in scanner.asked[-1].leaves if leaf.place[0] == "choices"] == ["message"]
        assert through.verdicts[0].count == 0


async def test_every_check_has_one_verdict_whatever_became_of_the_answer() -> None:
    checks = (BLOCK, DIGITS, Check("schema", Action.BLOCK), Check("leakage", Action.BLOCK), model(Action.FLAG))
    scanners = {"onnx": MemoryScanner()}
    ended, broken, fresh = (guard(*checks, scanners=scanners) for _ in range(3))
    await flow(ended, [*said(PROSE), *END])
    await refused(broken, [*said(CANARY), *END])
    for through in (ended, broken):
        assert [verdict.scanner for verdict in through.verdicts] == [check.scanner for check in checks]
    assert {verdict.result for verdict in ended.verdicts} == {Result.CLEAN}
    assert [verdict.result for verdict in broken.verdicts] == [Result.BLOCKED, Result.CLEAN, *[Result.NOT_RUN] * 3]
    assert fresh.verdicts == ()


async def test_the_work_grows_with_the_text_and_not_with_its_pieces() -> None:
    async def read(text: str, size: int) -> int:
        runner = CountingRunner()
        pieces = cut(text, range(0, len(text), size))
        await flow(guard(BLOCK, DIGITS, runner=runner), [*said(*pieces), *ending(), *END])
        return runner.chars

    text = PROSE * 200
    for size in (1, 4, 500):
        assert await read(text, size) <= 5 * len(text)
    run = "A" * 40_000
    assert await read(run, 16) <= 20 * len(run)


def test_where_nothing_is_to_be_judged_there_is_no_guard() -> None:
    assert open_output_guard(None, context(), GuardSecrets()) is None
    assert open_output_guard(desk(), context(), GuardSecrets()) is None
    assert open_output_guard(desk(), context(), SECRETS) is not None
    assert open_output_guard(desk(BLOCK), context(), GuardSecrets()) is not None
    assert Done() == Done()

from extproc.exchange.output_checks import Tally, checks_of, reach_of_check
from extproc.model.guard import Finding, GuardSecrets, Result, Scanned
from extproc.model.guard_policy import Action, Check, GuardPolicy, OnFailure
from extproc.model.refusals import Unavailable

LEAKAGE, SCHEMA = Check("leakage", Action.BLOCK), Check("schema", Action.BLOCK)
SIZE, PII = Check("size", Action.BLOCK), Check("pii", Action.REDACT)
MODEL, LATE = Check("onnx", Action.BLOCK, is_builtin=False), Check("tone", Action.FLAG, is_builtin=False)
WANTED = '{"content":{"type":"object"}}'
POLICY = GuardPolicy("v1", output=(LEAKAGE, SCHEMA, SIZE, PII, MODEL, LATE))


def named(checks: tuple[Check, ...]) -> list[str]:
    return [check.scanner for check in checks]


def test_each_check_is_asked_when_it_can_tell() -> None:
    checks = checks_of(POLICY, GuardSecrets(canary="c", schema=WANTED))
    assert named(checks.rules) == ["leakage", "pii"]
    assert named(checks.whole) == ["schema", "size"]
    assert (named(checks.gates), named(checks.late), checks.idle) == (["onnx"], ["tone"], ())
    assert named(checks.all) == [check.scanner for check in POLICY.output]


def test_a_rule_without_reach_still_sees_an_encoded_run_to_its_end() -> None:
    assert reach_of_check(Check("opaque", Action.FLAG)) == 1
    assert reach_of_check(Check("secrets", Action.BLOCK)) == 200
    assert reach_of_check(Check("pii", Action.REDACT)) == 120


def test_what_is_looked_for_comes_from_the_request() -> None:
    checks = checks_of(POLICY, GuardSecrets(canary="c", schema=WANTED))
    assert checks.leakage is not None
    assert checks.leakage.options == (("canary", "c"),)
    assert checks.whole[0].options == (("schema", WANTED),)


def test_a_check_without_anything_to_look_for_is_not_asked_and_stays_one_of_them() -> None:
    checks = checks_of(POLICY, GuardSecrets())
    assert named(checks.idle) == ["leakage", "schema"]
    assert checks.leakage is None
    assert named(checks.all) == [check.scanner for check in POLICY.output]


def test_a_canary_is_looked_for_although_the_policy_has_changed_since() -> None:
    assert named(checks_of(GuardPolicy("v2"), GuardSecrets(canary="c")).rules) == ["leakage"]


def scanned(*starts: int) -> Scanned:
    return Scanned(tuple(Finding("pii.card", ("a",), start, start + 9) for start in starts), 5)


CHECKS = checks_of(GuardPolicy("v1", output=(PII, MODEL)), GuardSecrets())


def test_a_check_that_was_asked_often_has_one_word() -> None:
    tally = Tally()
    assert not tally.add(PII, scanned(1))
    assert not tally.add(PII, scanned(2, 3))
    assert not tally.add(MODEL, Scanned((), 7))
    first, second = tally.verdicts(CHECKS, "v1")
    assert (first.result, first.count, first.latency_us) == (Result.REDACTED, 3, 10)
    assert (second.result, second.latency_us) == (Result.CLEAN, 7)


def test_a_scanner_that_failed_once_did_not_judge_it_all() -> None:
    is_open = Check("onnx", Action.BLOCK, is_builtin=False, on_failure=OnFailure.OPEN)
    checks = checks_of(GuardPolicy("v1", output=(is_open,)), GuardSecrets())
    tally = Tally()
    assert not tally.add(is_open, Unavailable("onnx"))
    assert not tally.add(is_open, Scanned((), 7))
    assert tally.verdicts(checks, "v1")[0].result is Result.FAILED_OPEN
    assert tally.add(is_open, scanned(1))
    assert tally.verdicts(checks, "v1")[0].result is Result.BLOCKED


def test_what_was_never_asked_did_not_run() -> None:
    tally = Tally()
    assert tally.verdicts(CHECKS, "v1") == ()
    assert tally.add(MODEL, Unavailable("onnx"))
    results = [verdict.result for verdict in tally.verdicts(CHECKS, "v1")]
    assert results == [Result.NOT_RUN, Result.FAILED_CLOSED]


def test_a_schema_that_nobody_can_judge_by_is_not_taken_for_one_that_was_kept() -> None:
    checks = checks_of(POLICY, GuardSecrets(schema='{"content":{"type":7}}'))
    assert (named(checks.unfit), named(checks.whole)) == (["schema"], ["size"])

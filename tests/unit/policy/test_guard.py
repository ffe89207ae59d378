"""Each check gives one verdict; none that did not answer counts as clean."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from extproc.model.guard import Direction, Finding, Leaf, Result, Scanned, Trust
from extproc.model.guard_policy import Action, Check, GuardPolicies, OnFailure, RuleSpec
from extproc.model.refusals import Unavailable
from extproc.policy.guard import MOST_RECORDED, GuardDesk, Judgement, Subject, judge
from extproc.policy.guard_ports import ScanAsked

LEAVES = (Leaf(("input",), "text", Trust.USER),)
SUBJECT = Subject("acme", "x1", "v1")


def found(kind: str, score: float = 1.0) -> Finding:
    return Finding(kind, ("input",), 0, 4, score)


@dataclass
class Rules:
    """Says what it was told to say of each scanner."""

    says: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    trouble: Unavailable | None = None
    hangs: bool = False

    async def run(
        self, _organisation: str, specs: tuple[RuleSpec, ...], _leaves: tuple[Leaf, ...], _direction: Direction
    ) -> tuple[Scanned, ...]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble
        return tuple(Scanned(self.says.get(spec.scanner, ()), 7) for spec in specs)


@dataclass
class Model:
    """A scanner that is no rule."""

    says: Sequence[Finding] | Unavailable | None = ()
    asked: int = 0

    async def scan(self, _asked: ScanAsked) -> Sequence[Finding]:
        self.asked += 1
        if self.says is None:
            await asyncio.Event().wait()
        if isinstance(self.says, Unavailable):
            raise self.says
        assert self.says is not None
        return self.says


RULE = Check("pii", Action.BLOCK)
MODEL = Check("toxicity", Action.BLOCK, limit_s=0.05, is_builtin=False)


async def judged(rules: Rules, model: Model | None = None, *checks: Check) -> Judgement:
    scanners = {} if model is None else {"toxicity": model}
    desk = GuardDesk(GuardPolicies, rules, lambda: scanners)
    return await judge(desk, checks, LEAVES, Direction.INPUT, SUBJECT)


async def test_nothing_found_is_clean() -> None:
    judgement = await judged(Rules(), None, RULE)
    assert [(each.result, each.policy, each.latency_us) for each in judgement.verdicts] == [(Result.CLEAN, "v1", 7)]
    assert judgement.no is None


@pytest.mark.parametrize(
    ("action", "result"),
    [(Action.BLOCK, Result.BLOCKED), (Action.REDACT, Result.REDACTED), (Action.FLAG, Result.FLAGGED)],
)
async def test_a_finding_leads_to_what_the_policy_says(action: Action, result: Result) -> None:
    finding = found("pii.card")
    judgement = await judged(Rules({"pii": (finding,)}), None, replace(RULE, action=action))
    assert judgement.verdicts[0].result is result
    assert judgement.redact == ((finding,) if action is Action.REDACT else ())
    assert (judgement.no is not None) == (action is Action.BLOCK)


async def test_findings_below_the_threshold_do_not_count() -> None:
    judgement = await judged(Rules({"pii": (found("pii.phone", 0.4),)}), None, RULE)
    assert judgement.verdicts[0].result is Result.CLEAN


async def test_a_verdict_counts_what_it_does_not_name() -> None:
    judgement = await judged(Rules({"pii": (found("pii.card"),) * 100}), None, RULE)
    assert (len(judgement.verdicts[0].findings), judgement.verdicts[0].count) == (MOST_RECORDED, 100)


@pytest.mark.parametrize(
    ("policy", "result"), [(OnFailure.CLOSED, Result.FAILED_CLOSED), (OnFailure.OPEN, Result.FAILED_OPEN)]
)
@pytest.mark.parametrize("is_hanging", [True, False])
async def test_rules_that_give_no_answer_are_never_clean(
    policy: OnFailure, result: Result, *, is_hanging: bool
) -> None:
    check = replace(RULE, on_failure=policy, limit_s=0.01)
    rules = Rules(hangs=True) if is_hanging else Rules(trouble=Unavailable("guard"))
    judgement = await judged(rules, None, check)
    assert judgement.verdicts[0].result is result
    assert (judgement.no is None) == (policy is OnFailure.OPEN)


@pytest.mark.parametrize("says", [None, Unavailable("scanner")])
@pytest.mark.parametrize(
    ("policy", "result"), [(OnFailure.CLOSED, Result.FAILED_CLOSED), (OnFailure.OPEN, Result.FAILED_OPEN)]
)
async def test_a_model_that_gives_no_answer_is_never_clean(
    says: Unavailable | None, policy: OnFailure, result: Result
) -> None:
    judgement = await judged(Rules(), Model(says), replace(MODEL, on_failure=policy))
    assert judgement.verdicts[0].result is result


async def test_a_scanner_that_is_not_there_is_never_clean() -> None:
    assert (await judged(Rules(), None, MODEL)).verdicts[0].result is Result.FAILED_CLOSED


async def test_models_are_not_asked_about_what_rules_have_stopped() -> None:
    model = Model()
    judgement = await judged(Rules({"pii": (found("pii.card"),)}), model, MODEL, RULE)
    assert [each.result for each in judgement.verdicts] == [Result.NOT_RUN, Result.BLOCKED]
    assert model.asked == 0


async def test_every_check_is_asked_once_and_answers_in_order() -> None:
    model = Model((found("toxicity.insult"),))
    judgement = await judged(Rules(), model, MODEL, RULE)
    assert [(each.scanner, each.result) for each in judgement.verdicts] == [
        ("toxicity", Result.BLOCKED),
        ("pii", Result.CLEAN),
    ]
    assert model.asked == 1

"""Which checks judge an answer, when each of them can, and what they came to over all of it.

    rules      built in, read what is new with as much before it as they need
    whole      built in, can only judge what is complete
    gates      models and services that may end an answer or change it: nothing passes that they have not judged
    late       those that only flag: asked once, when all is there

Each check has one word for the whole answer, however often it was asked. Read next: ``output_guard``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from extproc.guard.naming import named
from extproc.guard.rules import compile_rule
from extproc.model.guard import Direction, GuardSecrets, Scanned, Verdict
from extproc.model.guard_policy import Action, Check, GuardPolicy
from extproc.model.refusals import Unavailable
from extproc.policy.guard import conclude, ends

LEAKAGE, SCHEMA = "leakage", "schema"
_WHOLE = frozenset({SCHEMA, "size"})
_MOST_KEPT = 1000
"""Findings of one check. Beyond that they are no longer told apart, and each counts as one more of the last."""


_IN_PROSE = {"leakage": 160, "secrets": 200, "urls": 200}
"""Characters that are enough for these: what is longer of theirs has no blanks, and such a run is held whole. The
longest form of what the canary is known by, twelve letters in binary digits, is less."""


def reach_of_check(check: Check) -> int:
    """How many characters of running text decide about a finding of this rule."""
    # A rule that reaches over nothing still has to see an encoded run to its end.
    reach = max(1, compile_rule(check.spec).reach)
    return min(reach, _IN_PROSE.get(check.scanner, reach))


@dataclass(frozen=True, slots=True)
class OutputChecks:
    """See the module."""

    all: tuple[Check, ...]
    rules: tuple[Check, ...]
    whole: tuple[Check, ...]
    gates: tuple[Check, ...]
    late: tuple[Check, ...]
    idle: tuple[Check, ...]
    """Those that have nothing to look for in this exchange."""
    unfit: tuple[Check, ...] = ()
    """Those that cannot look for what the request says: a schema that nobody can judge by."""

    @property
    def leakage(self) -> Check | None:
        """The one that looks for the canary, where there is one."""
        return next((check for check in self.rules if check.scanner == LEAKAGE), None)


def checks_of(policy: GuardPolicy, secrets: GuardSecrets) -> OutputChecks:
    """The policy's checks, with what they need to know of the request."""
    every = tuple(_informed(policy.output, secrets))
    idle = tuple(check for check in every if not check.options and check.scanner in {LEAKAGE, SCHEMA})
    unfit = tuple(check for check in every if check.scanner == SCHEMA and check not in idle and not _is_fit(check))
    asked = tuple(check for check in every if check not in idle and check not in unfit)
    builtin = tuple(check for check in asked if check.is_builtin)
    others = tuple(check for check in asked if not check.is_builtin)
    return OutputChecks(
        all=every,
        rules=tuple(check for check in builtin if check.scanner not in _WHOLE),
        whole=tuple(check for check in builtin if check.scanner in _WHOLE),
        gates=tuple(check for check in others if check.action is not Action.FLAG),
        late=tuple(check for check in others if check.action is Action.FLAG),
        idle=idle,
        unfit=unfit,
    )


def _is_fit(check: Check) -> bool:
    try:
        compile_rule(check.spec)
    except ValueError:
        return False
    return True


def _informed(checks: tuple[Check, ...], secrets: GuardSecrets) -> Iterator[Check]:
    known = {LEAKAGE: ("canary", secrets.canary), SCHEMA: ("schema", secrets.schema)}
    for check in checks:
        name, value = known.get(check.scanner, ("", ""))
        yield replace(check, options=tuple(sorted((*check.options, (name, value))))) if value else check
    if secrets.canary and all(check.scanner != LEAKAGE for check in checks):
        # The policy changed since the request: what was promised then still holds.
        yield Check(LEAKAGE, Action.BLOCK, options=(("canary", secrets.canary),))


@dataclass(slots=True)
class Tally:
    """What each check said so far."""

    found: dict[Check, Scanned | Unavailable | None] = field(default_factory=dict)

    def add(self, check: Check, said: Scanned | Unavailable | None) -> bool:
        """Whether this ends the answer. A scanner that failed once has not judged it all, whatever else it said."""
        before = self.found.get(check)
        if said is None:
            self.found.setdefault(check, None)
            return False
        is_end = ends(check, said)
        if isinstance(said, Scanned) and isinstance(before, Scanned):
            findings = (*before.findings, *said.findings)
            self.found[check] = Scanned(findings[:_MOST_KEPT], before.latency_us + said.latency_us)
        elif is_end or not isinstance(before, Unavailable):
            self.found[check] = said
        return is_end

    def verdicts(self, checks: OutputChecks, policy: str) -> tuple[Verdict, ...]:
        """One for each check; none where nothing was judged."""
        if not self.found:
            return ()
        found = {check: self.found.get(check) for check in checks.all}
        verdicts = conclude(checks.all, found, Direction.OUTPUT, policy).verdicts
        return tuple(replace(each, findings=tuple(named(one, {}) for one in each.findings)) for each in verdicts)

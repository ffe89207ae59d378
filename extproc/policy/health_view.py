"""One worker's view of all deployments: Health and Journal over what it has seen and what it was told.

What happens here counts here at once. What is shared counts more: a state that was told replaces our own, and only what
we have not yet passed on is put on top of it again. Alone, without anybody to tell, it is the health of one process.
Read next: ``adapters.redis_health``, which shares it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from extproc.model.catalog import Catalog
from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeContext, ExchangeRecord
from extproc.model.health import Standing
from extproc.model.ids import DeploymentName
from extproc.model.routing import RoutingPolicy
from extproc.policy.blame import judge_attempt, judge_delivery
from extproc.policy.flights import (
    Cooling,
    Ended,
    Fact,
    Finished,
    Flights,
    Metered,
    Moved,
    Probing,
    Started,
    Step,
    Used,
)
from extproc.policy.health import (
    UNHEARD,
    State,
    Verdict,
    cooled,
    is_forgotten,
    judged,
    moved,
    probing,
    standing_of,
    used,
)
from extproc.policy.ports import Clock

STREAM_S = 900.0
"""A stream has no longest duration. One that is under way for longer is no longer counted as under way."""
_MARGIN_S = 30.0
_PROBE_S = 5.0
"""For a probe whose request is never sent off."""
_LONGEST_PROBE_S = 30.0
_SPREAD_S = 1.0
"""Workers do not probe in the same moment: who comes later may hear how it went for who came first."""
_SWEEP_S = 1.0
_SAME_S = 0.001
"""Lua writes a time with fourteen digits."""
MOST_PENDING = 10_000


@dataclass(frozen=True, slots=True)
class Note:
    """A fact that others have not heard yet, and what followed from it here."""

    fact: Fact
    steps: tuple[Step, ...]


class HealthView:
    """Health and Journal of one process. What others should hear gathers in ``pending``."""

    def __init__(
        self,
        clock: Clock,
        catalog: Callable[[], Catalog],
        draw: Callable[[], float],
        on_rejected: Callable[[DeploymentName], None],
    ) -> None:
        """Empty.

        Args:
            clock: in step with the other workers' to within a second.
            catalog: the one in force; its routing policy says when a deployment cools down.
            draw: numbers in [0, 1).
            on_rejected: called when a provider did not take a deployment's credential; must not wait.
        """
        self._clock = clock
        self._catalog = catalog
        self._draw = draw
        self._on_rejected = on_rejected
        self._states: dict[DeploymentName, State] = {}
        self._flights = Flights()
        self._delays: dict[DeploymentName, tuple[float, float]] = {}
        self._probes: dict[DeploymentName, float] = {}
        self._rejections: dict[DeploymentName, float] = {}
        self._began_at_s = clock.now_s()
        self._swept_at_s = 0.0
        self.pending: list[Note] = []
        self.is_shared = False
        """Whether somebody takes what is pending; seats whose time has come are then for them to count."""

    # -- Health -----------------------------------------------------------------------------------------------------

    def standing(self, deployment: DeploymentName) -> Standing:
        """See ``Health``."""
        return standing_of(self.state(deployment), self._clock.now_s())

    def started(self, context: ExchangeContext, tokens: int) -> None:
        """See ``Health``."""
        if not context.plan or not context.id:
            return
        now_s = self._clock.now_s()
        longest_s = sum(each.first_token_s if context.is_stream else each.total_s for each in context.plan)
        deadline_s = now_s + longest_s + _MARGIN_S + (STREAM_S if context.is_stream else 0.0)
        plan = tuple(each.deployment for each in context.plan)
        self._take(Started(context.id, plan, tokens, deadline_s, now_s))
        first = context.plan[0]
        if self._probes.pop(first.deployment, 0.0) > now_s:
            patience_s = first.first_token_s if context.is_stream else first.total_s
            until_s = now_s + min(patience_s, _LONGEST_PROBE_S)
            self._take(Probing(first.deployment, until_s, now_s))

    def may_probe(self, deployment: DeploymentName, now_s: float) -> bool:
        """See ``Health``. Each worker lets one through; who has heard of another's probe waits for how it goes."""
        state = self.state(deployment)
        if state.trouble is None or now_s < max(self._opens_at_s(deployment, state), state.probe_until_s):
            return False
        until_s = now_s + _PROBE_S * (0.8 + 0.4 * self._draw())
        self._probes[deployment] = until_s
        self._take(Probing(deployment, until_s, now_s))
        return True

    # -- Journal ----------------------------------------------------------------------------------------------------

    def attempted(self, record: AttemptRecord) -> None:
        """See ``Journal``."""
        verdict = judge_attempt(record, self._draw())
        if verdict is not None and record.exchange and record.deployment in self._catalog().deployments:
            self._take(Ended(record.exchange, record.deployment, verdict, self._clock.now_s()))

    def delivered(self, record: DeliveryRecord) -> None:
        """See ``Journal``."""
        exchange, now_s = record.context.id, self._clock.now_s()
        if not exchange or record.context.cached is not None:
            return
        if record.usage is not None:
            tokens = record.usage.input_tokens + record.usage.output_tokens
            self._take(Metered(exchange, record.deployment, tokens, now_s))
        verdict: Verdict | None = judge_delivery(record, self._draw())
        if verdict is None:
            return
        if verdict.is_credential:
            self._reject(record.deployment, now_s)
        self._take(Ended(exchange, record.deployment, verdict, now_s))

    def finished(self, record: ExchangeRecord) -> None:
        """See ``Journal``."""
        if record.context is not None and record.context.id:
            self._take(Finished(record.context.id, self._clock.now_s()))

    def state(self, deployment: DeploymentName) -> State:
        """All that is remembered of it."""
        return self._states.get(deployment, UNHEARD)

    # -- sharing ----------------------------------------------------------------------------------------------------

    def take_pending(self, most: int) -> list[Note]:
        """The oldest notes; who took them passes them on, or gives them back."""
        taken, self.pending = self.pending[:most], self.pending[most:]
        return taken

    def give_back(self, notes: list[Note]) -> None:
        """They were not passed on. The oldest are lost where there are too many."""
        self.pending = [*notes, *self.pending][-MOST_PENDING:]

    def be_told(self, states: Mapping[DeploymentName, State]) -> None:
        """Take what everybody together knows, and put our newest on top."""
        self._states.update(states)
        for note in self.pending:
            self._apply(step for step in note.steps if step.deployment in states)
        for name, state in states.items():
            if state.rejected_at_s > max(self._rejections.get(name, 0.0), self._began_at_s) + _SAME_S:
                self._reject(name, state.rejected_at_s)

    def remember_cooldowns(self) -> None:
        """Tell the others what cools down: they may have forgotten."""
        now_s = self._clock.now_s()
        for name, state in self._states.items():
            if state.trouble is not None and now_s < state.cooldown_until_s:
                fact = Cooling(name, state.cooldown_until_s, state.trouble, state.rung, now_s)
                self.pending.append(Note(fact, (fact,)))

    def sweep(self) -> None:
        """Forget what is over, and deployments that are no more."""
        now_s = self._clock.now_s()
        self._swept_at_s = now_s
        steps = self._flights.give_up(now_s)
        if not self.is_shared:
            self._apply(steps)
        known = self._catalog().deployments
        for name in [name for name, each in self._states.items() if name not in known or is_forgotten(each, now_s)]:
            del self._states[name]
            self._delays.pop(name, None)
            self._probes.pop(name, None)
            self._rejections.pop(name, None)

    # -- below ------------------------------------------------------------------------------------------------------

    def _take(self, fact: Fact) -> None:
        if abs(fact.at_s - self._swept_at_s) > _SWEEP_S:
            self.sweep()
        steps = self._flights.take(fact)
        self._apply(steps)
        # What is known here was told already. An end is told in any case: its beginning may be known elsewhere.
        if self.is_shared and (steps or isinstance(fact, Finished)):
            self.pending.append(Note(fact, tuple(steps)))
            if len(self.pending) > MOST_PENDING:
                del self.pending[0]

    def _apply(self, steps: Iterable[Step]) -> None:
        policy = self._catalog().routing
        for step in steps:
            name = step.deployment
            self._states[name] = _stepped(self.state(name), step, policy)

    def _opens_at_s(self, deployment: DeploymentName, state: State) -> float:
        until_s, delay_s = self._delays.get(deployment, (-1.0, 0.0))
        if until_s != state.cooldown_until_s:
            delay_s = self._draw() * _SPREAD_S
            self._delays[deployment] = (state.cooldown_until_s, delay_s)
        return state.cooldown_until_s + delay_s

    def _reject(self, deployment: DeploymentName, at_s: float) -> None:
        self._rejections[deployment] = at_s
        self._on_rejected(deployment)


def _stepped(state: State, step: Step, policy: RoutingPolicy) -> State:
    match step:
        case Moved(_, by):
            return moved(state, by)
        case Used(_, requests, tokens, at_s):
            return used(state, requests, tokens, at_s)
        case Ended(_, _, verdict, at_s):
            return judged(state, verdict, at_s, policy)
        case Probing(_, until_s):
            return probing(state, until_s)
        case Cooling(_, until_s, trouble, rung):
            return cooled(state, until_s, trouble, rung)

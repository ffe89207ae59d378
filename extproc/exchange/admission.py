"""The first door: one client request, once.

    START --head--> AWAIT_BODY --body--> DONE
      |                |
      +---- reply -----+-----------------> DONE

Each step returns the receipt that the next one requires: credential → Principal → Permit → Plan → Go. What is
remembered needs no plan. Refusals and outages become replies here and nowhere else; anything else that escapes is a
bug, and the transport fails closed. Read next: ``planning`` for what is sent, ``delivery`` for the way back,
``remembering`` for what is answered without, ``explanation`` to watch it decide.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from functools import partial
from random import Random
from typing import assert_never

from extproc.dialects.estimate import COUNTING, estimate_tokens
from extproc.dialects.surfaces import SURFACES, surface_of
from extproc.exchange.events import (
    AdmissionAction,
    AdmissionEvent,
    Go,
    OutOfOrder,
    Replay,
    Reply,
    RequestBody,
    RequestHead,
    Wait,
)
from extproc.exchange.guarding import Blocked, GuardAsked, Guarded, guard_request
from extproc.exchange.heads import check_content, must_defer, removed_of, value_of
from extproc.exchange.paths import read_path
from extproc.exchange.planning import Facts, make_context, make_plan
from extproc.exchange.remembering import NOTHING_LOOKED, Asked, RememberDesk, give_up, look
from extproc.exchange.replay import given, with_held
from extproc.exchange.replies import JSON_TYPE, refusal_of, reply_of
from extproc.exchange.spending import SpendingDesk, Wish, end_user, hold, hold_request, with_most_output
from extproc.exchange.tags import merge, tags_in_head, take_tags
from extproc.model.catalog import Catalog, Operation
from extproc.model.chat import ModelRequest
from extproc.model.guard import Verdict
from extproc.model.identity import Permit, Principal, VirtualKey
from extproc.model.ids import ExchangeId
from extproc.model.plan import Headers, Plan
from extproc.model.refusals import (
    INVALID_REQUEST,
    Refusal,
    Unavailable,
)
from extproc.model.sealed import Sealed
from extproc.model.seams import ESTIMATE_HEADER
from extproc.model.secret import Secret
from extproc.policy.authorize import authorize, visible_models
from extproc.policy.classify import classify
from extproc.policy.closing import note_refused
from extproc.policy.guard import GuardDesk
from extproc.policy.identify import identify, read_credential
from extproc.policy.lineup import Circumstances
from extproc.policy.needs import read_needs
from extproc.policy.ports import Clock, Directory, Health, Vault
from extproc.policy.reserve import Asker, hide_user
from extproc.policy.route import choose_route


class Phase(Enum):
    """Where a request stands."""

    START = auto()
    AWAIT_BODY = auto()
    DONE = auto()


class Step(StrEnum):
    """What is asked of a request, in this order. The first no ends it."""

    PATH = "path"
    CREDENTIAL = "credential"
    IDENTITY = "identity"
    CONTENT = "content"
    REQUEST = "request"
    PERMIT = "permit"
    GUARD = "guard"
    ROUTE = "route"
    PLAN = "plan"
    LIMITS = "limits"


Observer = Callable[[Step, object], None]
"""Told of each step that was passed, with the receipt it gave: how ``explanation`` narrates what really runs."""


@dataclass(frozen=True, slots=True)
class AdmissionDesk:
    """What admission asks of the world. One for each worker; the catalog is asked for once for each exchange."""

    catalog: Callable[[], Catalog]
    directory: Directory
    vault: Vault
    clock: Clock
    health: Health
    pepper: Callable[[], Secret]
    """Raises Unavailable when the vault does not have it."""
    spending: SpendingDesk | None = None
    """None: no limits are asked, as where a request is only explained."""
    guard: GuardDesk | None = None
    """None: no text is judged, as where a request is only explained."""
    cache: RememberDesk | None = None
    """None: nothing is remembered, as where a request is only explained."""


class Admission:
    """One exchange's admission. Feed it events in order; every event gives exactly one action."""

    __slots__ = (
        "_catalog",
        "_deferred",
        "_desk",
        "_exchange",
        "_head",
        "_key",
        "_looked",
        "_model",
        "_observe",
        "_operation",
        "_phase",
        "_principal",
        "_surface",
        "_tags",
        "_verdicts",
    )

    def __init__(self, desk: AdmissionDesk, observe: Observer | None = None) -> None:
        self._desk = desk
        self._observe = observe
        self._catalog = desk.catalog()
        self._phase = Phase.START
        self._head: RequestHead | None = None
        self._principal: Principal | None = None
        self._operation: Operation | None = None
        self._deferred: Reply | None = None
        self._surface = "openai"
        self._exchange = ExchangeId("")
        self._key: VirtualKey | None = None
        self._model = ""
        self._verdicts: tuple[Verdict, ...] = ()
        self._tags: tuple[str, ...] = ()
        self._looked = NOTHING_LOOKED

    @property
    def is_done(self) -> bool:
        """Whether a decision was given: only then may the stream end cleanly."""
        return self._phase is Phase.DONE

    async def handle(self, event: AdmissionEvent) -> AdmissionAction:
        """The action for this event.

        Raises:
            OutOfOrder: the event does not belong here.
        """
        match event, self._phase:
            case RequestHead(headers), Phase.START:
                self._surface = surface_of(headers)
                self._exchange = ExchangeId(value_of(headers, "x-request-id"))
                action = await self._settle(self._on_head(event))
                if isinstance(action, Reply) and must_defer(event):
                    self._deferred, action = action, Wait()
            case RequestBody(), Phase.AWAIT_BODY:
                action = self._deferred or await self._settle(self._on_body(event))
            case RequestHead() | RequestBody(), _:
                raise OutOfOrder(f"{type(event).__name__} in {self._phase.name}")
            case _:
                assert_never(event)
        self._phase = Phase.AWAIT_BODY if isinstance(action, Wait) else Phase.DONE
        return action

    async def _settle(self, step: Coroutine[object, None, AdmissionAction]) -> AdmissionAction:
        try:
            return await step
        except Refusal as refusal:
            said = refusal
        except Unavailable as trouble:
            said = refusal_of(trouble)
        except BaseException:
            give_up(self._looked.ticket, self._desk.cache)
            raise
        give_up(self._looked.ticket, self._desk.cache)
        self._note(said)
        return reply_of(said, self._surface, self._exchange)

    def _note(self, refusal: Refusal) -> None:
        spending, key = self._desk.spending, self._key
        if spending is None or key is None:
            return
        operation = "" if self._operation is None else self._operation.value
        now_s = self._desk.clock.now_s()
        row = note_refused(self._exchange, key, operation, self._model, refusal.kind.code, now_s, self._verdicts)
        spending.note(replace(row, tags=self._tags))

    async def _on_head(self, head: RequestHead) -> AdmissionAction:
        operation, named, query = read_path(value_of(head.headers, ":method"), value_of(head.headers, ":path"))
        surface = SURFACES[self._surface]
        surface.check_head(head.headers)
        self._passed(Step.PATH, operation)
        credential = read_credential(head.headers, query)
        self._passed(Step.CREDENTIAL, credential)
        principal = await identify(credential, self._desk.directory, self._desk.pepper(), self._desk.clock)
        self._key, self._tags = principal.key, principal.key.tags
        self._passed(Step.IDENTITY, principal)
        if operation is Operation.LIST_MODELS:
            models = visible_models(principal, self._catalog)
            self._passed(Step.PERMIT, models)
            return self._answered(surface.write_models(models))
        if operation is Operation.SHOW_MODEL:
            permit = authorize(principal, named, self._catalog)
            self._passed(Step.PERMIT, permit)
            return self._answered(surface.write_model(self._catalog.models[permit.model]))
        check_content(head.headers)
        self._tags = merge(principal.key.tags, tags_in_head(head.headers))
        if head.is_end:
            raise Refusal(INVALID_REQUEST, "The request has no body.")
        self._passed(Step.CONTENT, operation)
        self._head, self._principal, self._operation = head, principal, operation
        return Wait()

    async def _on_body(self, event: RequestBody) -> AdmissionAction:
        if self._head is None or self._principal is None or self._operation is None:
            raise OutOfOrder("a body without a head")
        began_s = asyncio.get_running_loop().time()
        request = SURFACES[self._surface].read_request(self._operation, event.data)
        request, tags = take_tags(request)
        # The header's once more: together they may be too many.
        self._tags = merge(self._principal.key.tags, tags_in_head(self._head.headers), tags)
        self._passed(Step.REQUEST, request)
        permit = authorize(self._principal, request.model, self._catalog)
        # A name that does not exist is the caller's text; it is not kept.
        self._model = permit.model
        self._passed(Step.PERMIT, permit)
        user = end_user(request)
        guarded = await self._guard(request, permit)
        now_s = self._desk.clock.now_s()
        facts = Facts(self._exchange, now_s, "", user=user, tags=self._tags, guarded=guarded)
        remembered = await self._remember(request, guarded, permit, facts, began_s)
        if remembered is not None:
            return remembered
        request = guarded.request
        needs = read_needs(request)
        # Seeded with the exchange's id: what was decided can be decided again.
        draw = Random(self._exchange).random  # noqa: S311 - chooses among equals, guards nothing
        judge = partial(classify, request.payload)
        circumstances = Circumstances(self._catalog, self._desk.health, now_s, draw, judge)
        route = choose_route(permit, request.operation, needs, circumstances)
        self._passed(Step.ROUTE, route)
        deployments = route.deployments
        if request.operation is Operation.COUNT_TOKENS:
            if deployments[0].dialect not in COUNTING:
                return self._answered(estimate_tokens(request), (ESTIMATE_HEADER, "true"))
            deployments = tuple(each for each in deployments if each.dialect in COUNTING)
        plan = make_plan(request, deployments, self._desk.vault, now_s)
        self._passed(Step.PLAN, plan)
        asker = Asker(permit.principal.key, permit.model, user)
        granted = await hold(asker, self._wish(request, plan), self._spending(request), now_s)
        if granted.most_output is not None:
            request = with_most_output(request, granted.most_output)
            plan = make_plan(request, deployments, self._desk.vault, now_s)
        self._passed(Step.LIMITS, granted)
        sealed = Sealed(guarded.secrets, self._looked.ticket)
        held = replace(granted.held, headers=(*granted.held.headers, *self._looked.headers))
        facts = Facts(self._exchange, now_s, route.auto, granted.estimate, held, user, self._tags, guarded, sealed)
        context = make_context(facts, permit, request, plan, self._catalog)
        self._desk.health.started(context, needs.input_tokens)
        return Go(
            plan=plan,
            context=context,
            set_headers=_order_headers(plan, request),
            remove_headers=removed_of(self._head.headers),
            body=plan.attempts[0].body,
            sealed=sealed,
        )

    async def _remember(
        self, request: ModelRequest, guarded: Guarded, permit: Permit, facts: Facts, began_s: float
    ) -> Replay | None:
        """The remembered answer; None: there is none, and ``_looked`` says what storing one will need.

        Raises:
            Refusal: only a remembered answer was wanted, or a limit on requests is reached.
            Unavailable: that limit cannot be asked.
        """
        desk, head = self._desk.cache, self._head
        if desk is None or head is None or request.operation is Operation.COUNT_TOKENS:
            return None
        key, policies = permit.principal.key, self._desk.guard
        asked = Asked(
            request,
            guarded,
            key,
            permit.model,
            hide_user(facts.user) if facts.user else "",
            self._exchange,
            head.headers,
            "" if policies is None else policies.policies().of_key(key).version,
            self._catalog.version,
            facts.now_s,
        )
        self._looked = await look(asked, desk, began_s + desk.patience_s)
        if self._looked.hit is None:
            return None
        context = make_context(facts, permit, request, Plan(()), self._catalog)
        replayed = await given(self._looked, context, self._desk.guard, guarded.secrets, desk)
        if replayed is None or not self._looked.counts_requests:
            return replayed
        asker = Asker(key, permit.model, facts.user)
        held = await hold_request(asker, self._exchange, self._desk.spending, facts.now_s)
        return with_held(replayed, held)

    async def _guard(self, request: ModelRequest, permit: Permit) -> Guarded:
        """The request as the firewall lets it go on.

        Raises:
            Refusal: it does not.
            Unavailable: the vault does not have what its marks are made with.
        """
        desk = self._desk.guard
        guarded = Guarded(request)
        if desk is not None:
            asked = GuardAsked(permit.principal.key, self._exchange, self._desk.pepper())
            try:
                guarded = await guard_request(request, asked, desk)
            except Blocked as blocked:
                self._verdicts = blocked.verdicts
                raise blocked.refusal from None
        self._verdicts = guarded.verdicts
        self._passed(Step.GUARD, guarded)
        return guarded

    def _wish(self, request: ModelRequest, plan: Plan) -> Wish:
        deployments = [self._catalog.deployments[attempt.deployment] for attempt in plan.attempts]
        limits_s = (each.first_token_s if request.is_stream else each.total_s for each in plan.attempts)
        organisation = self._principal.key.organisation if self._principal is not None else ""
        return Wish(self._exchange, organisation, request, deployments, sum(limits_s))

    def _spending(self, request: ModelRequest) -> SpendingDesk | None:
        return None if request.operation is Operation.COUNT_TOKENS else self._desk.spending

    def _answered(self, body: bytes, *headers: tuple[str, str]) -> Reply:
        own = SURFACES[self._surface].headers(self._exchange)
        return Reply(200, (JSON_TYPE, *own, *headers), body, "answered")

    def _passed(self, step: Step, receipt: object) -> None:
        if self._observe is not None:
            self._observe(step, receipt)


def _order_headers(plan: Plan, request: ModelRequest) -> Headers:
    # One value for the whole request: for a stream Envoy's per-try timeout is the time to the first event, because
    # delivery holds the headers until then.
    limits = [attempt.first_token_s if request.is_stream else attempt.total_s for attempt in plan.attempts]
    return (
        ("x-envoy-max-retries", str(len(plan.attempts) - 1)),
        ("x-envoy-upstream-rq-per-try-timeout-ms", str(round(max(limits) * 1000))),
    )

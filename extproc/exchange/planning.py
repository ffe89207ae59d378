"""A permitted request → what each chosen deployment's provider will be sent, and what the other doors must know."""

from collections.abc import Sequence
from dataclasses import dataclass

from extproc.dialects.degrading import write_for
from extproc.dialects.extension import plain_for
from extproc.dialects.registry import DIALECTS
from extproc.exchange.guarding import Guarded
from extproc.exchange.spending import NOTHING, NOTHING_HELD, Held
from extproc.model.catalog import Catalog, Deployment
from extproc.model.chat import ModelRequest
from extproc.model.dialects import credential_refs
from extproc.model.exchange import AttemptLimits, ExchangeContext
from extproc.model.identity import Permit
from extproc.model.ids import ExchangeId
from extproc.model.limits import Estimate
from extproc.model.plan import Attempt, Plan
from extproc.model.refusals import Refusal, Unavailable
from extproc.model.sealed import NOTHING_SEALED, Sealed
from extproc.policy.ports import Vault
from extproc.policy.reserve import hide_user


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an exchange beside its request."""

    exchange: ExchangeId
    now_s: float
    auto: str
    """What ``model: auto`` decided; empty: it was not asked."""
    estimate: Estimate = NOTHING
    """The most that one attempt can use."""
    held: Held = NOTHING_HELD
    user: str = ""
    """The end user that the request names."""
    tags: tuple[str, ...] = ()
    """The key's and the request's."""
    guarded: Guarded | None = None
    """What the firewall made of the request; None: there is none, as where a request is only explained."""
    sealed: Sealed = NOTHING_SEALED
    """What only delivery may know."""


def make_plan(request: ModelRequest, deployments: Sequence[Deployment], vault: Vault, now_s: float) -> Plan:
    """One attempt for each deployment whose dialect can express the request and whose credential is at hand, in order.

    Raises:
        Unavailable: nobody can be asked, and somebody could if the vault had a credential.
        Refusal: no deployment's dialect can express the request; the first one's reason.
    """
    attempts: list[Attempt] = []
    reasons: list[Refusal] = []
    trouble: Unavailable | None = None
    for deployment in deployments:
        try:
            attempts.append(_attempt(plain_for(request, deployment.dialect), deployment, vault, now_s))
        except Refusal as refusal:
            reasons.append(refusal)
        except Unavailable as unavailable:
            trouble = trouble or unavailable
    if not attempts:
        raise trouble or reasons[0]
    return Plan(tuple(attempts))


def make_context(facts: Facts, permit: Permit, request: ModelRequest, plan: Plan, catalog: Catalog) -> ExchangeContext:
    """What delivery and the journal will know of this exchange."""
    key = permit.principal.key
    limits = tuple(
        AttemptLimits(
            attempt.deployment,
            catalog.deployments[attempt.deployment].dialect,
            attempt.first_token_s,
            attempt.total_s,
            attempt.idle_s,
            catalog.deployments[attempt.deployment].upstream_model,
            catalog.deployments[attempt.deployment].context_tokens,
            attempt.degraded,
            catalog.deployments[attempt.deployment].price,
        )
        for attempt in plan.attempts
    )
    return ExchangeContext(
        id=facts.exchange,
        organisation=key.organisation,
        team=key.team,
        project=key.project,
        key=key.id,
        operation=request.operation,
        model=permit.model,
        is_stream=request.is_stream,
        wants_usage=request.wants_usage,
        plan=limits,
        catalog_version=catalog.version,
        surface=request.surface,
        started_at_s=facts.now_s,
        tells_route=catalog.routing.tells_route,
        auto=facts.auto,
        hold=facts.held.hold,
        input_tokens=facts.estimate.input_tokens,
        output_tokens=facts.estimate.output_tokens,
        user=hide_user(facts.user) if facts.user else "",
        tags=facts.tags,
        verdicts=() if facts.guarded is None else facts.guarded.verdicts,
        has_sealed=facts.sealed != NOTHING_SEALED,
        answer_headers=facts.held.headers,
    )


def _attempt(request: ModelRequest, deployment: Deployment, vault: Vault, now_s: float) -> Attempt:
    credentials = tuple(vault.credential(ref) for ref in credential_refs(deployment))
    outgoing = write_for(DIALECTS[deployment.dialect], request, deployment, credentials, now_s)
    return Attempt(
        deployment=deployment.name,
        path=outgoing.path,
        authority=deployment.authority,
        headers=outgoing.headers,
        credentials=outgoing.credentials,
        body=outgoing.body,
        first_token_s=deployment.timeouts.first_token_s,
        total_s=deployment.timeouts.total_s,
        idle_s=deployment.timeouts.idle_s,
        degraded=outgoing.degraded,
    )

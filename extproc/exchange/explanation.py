"""Every decision the exchange takes for one request, in order, with its reason. Offline, by running the real thing.

``explain`` drives an ``Admission`` and writes down each receipt it earns; nothing is decided here. What happens after a
go (what Envoy is told, what delivery will do) is in ``rehearsal``. Values of the caller's are never repeated: sizes,
counts and the names the gateway knows are, so that an explanation can be shown around.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from extproc.dialects.extension import EXTENSION
from extproc.dialects.strict_json import parse_object
from extproc.exchange.admission import Admission, AdmissionDesk, Step
from extproc.exchange.events import Go, Reply, RequestBody, RequestHead, Wait
from extproc.exchange.guarding import Guarded
from extproc.exchange.rehearsal import rehearse
from extproc.exchange.spending import Granted, usd
from extproc.exchange.words import Facts, shown, shown_names, size
from extproc.model.catalog import Catalog, Deployment, Model, Operation
from extproc.model.chat import ModelRequest
from extproc.model.identity import Permit, Principal, VirtualKey
from extproc.model.ids import ModelName
from extproc.model.plan import Plan
from extproc.model.refusals import Refusal
from extproc.model.secret import Secret
from extproc.model.token import digest_token, is_well_formed
from extproc.policy.identify import CREDENTIAL_HEADERS
from extproc.policy.needs import read_needs
from extproc.policy.route import Considered, Route, shut_out

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_FIRST_ERROR = 400
_READ_ONLY = (Step.PATH, Step.CREDENTIAL, Step.IDENTITY, Step.PERMIT)
_WITH_BODY = tuple(Step)


@dataclass(frozen=True, slots=True)
class Decision:
    """One question, its answer and why."""

    step: str
    is_passed: bool
    reason: str
    facts: Facts = ()
    """Name and value, for whoever wants to know more."""


_STRICT = Decision(
    "json", is_passed=True, reason="one object with one meaning: UTF-8, no key twice, no NaN, not too deep or too many"
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would happen to a request."""

    decisions: tuple[Decision, ...]
    reply: Reply | None
    """What the gateway would answer by itself: a refusal, or the list of models. None: the request would go."""

    @property
    def is_refused(self) -> bool:
        """Whether the caller would hear no."""
        return any(not decision.is_passed for decision in self.decisions)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What is being explained."""

    desk: AdmissionDesk
    catalog: Catalog
    head: RequestHead
    body: RequestBody


async def explain(desk: AdmissionDesk, head: RequestHead, body: RequestBody, *, max_response_bytes: int) -> Explanation:
    """Let the request through admission and tell what it met.

    Args:
        desk: with everything behind it in memory; it is asked for real.
        head: as Envoy hands it over, with the credential.
        body: ignored where ``head.is_end``.
        max_response_bytes: the gateway's limit, for what delivery will do.
    """
    exchange = _Exchange(desk, desk.catalog(), head, body)
    passed: dict[Step, object] = {}
    admission = Admission(desk, passed.__setitem__)
    action = await admission.handle(head)
    if isinstance(action, Wait):
        action = await admission.handle(body)
    decisions = [each for step, receipt in passed.items() for each in _accepted(step, receipt, exchange)]
    if isinstance(action, Reply):
        refused = _first_missing(passed) if action.status >= _FIRST_ERROR else None
        if refused is not None:
            decisions.extend(await _refused(refused, action, passed, exchange))
        return Explanation(tuple(decisions), action)
    if not isinstance(action, Go):
        raise TypeError("admission waits for more than a head and a body")
    after = (
        Decision(step, is_passed=True, reason=reason, facts=facts)
        for step, reason, facts in await rehearse(action, max_response_bytes)
    )
    return Explanation((*decisions, *after), None)


def _first_missing(passed: dict[Step, object]) -> Step | None:
    is_read_only = passed.get(Step.PATH) in {Operation.LIST_MODELS, Operation.SHOW_MODEL}
    return next((step for step in (_READ_ONLY if is_read_only else _WITH_BODY) if step not in passed), None)


# -- yes ----------------------------------------------------------------------------------------------------------


def _accepted(step: Step, receipt: object, exchange: _Exchange) -> Iterator[Decision]:
    if step is Step.REQUEST:
        yield _STRICT
    reason, facts = _reason(step, receipt, exchange)
    yield Decision(step, is_passed=True, reason=reason, facts=facts)


def _reason(step: Step, receipt: object, exchange: _Exchange) -> tuple[str, Facts]:
    match receipt:
        case Operation() if step is Step.CONTENT:
            return "the body is application/json and not compressed", (("size", size(exchange.body.data)),)
        case Operation():
            return f"this path and method are served: {receipt}", ()
        case Secret():
            return f"one credential, in {_places(exchange.head)}; none in the query", ()
        case Guarded(verdicts=verdicts):
            found = tuple((each.scanner, f"{each.result} ({each.count})") for each in verdicts)
            return "no scanner of its policy ends it; offline only the built-in ones are asked", found
        case Principal(key):
            return "the key's form and checksum are right, the directory has it, and it is live", _key_facts(key)
        case _:
            return _reason_of_body(step, receipt, exchange)


def _reason_of_body(step: Step, receipt: object, exchange: _Exchange) -> tuple[str, Facts]:
    match receipt:
        case ModelRequest():
            rest = "the rest passes untouched" if receipt.surface == "openai" else "all of them can be carried"
            return f"every field that decides something is as the API says; {rest}", _request_facts(receipt)
        case Permit(_, model):
            return f"the catalog has {shown(model)} and the key may use it", ()
        case Granted(estimate=expected):
            money = "unknown: not everybody has a price" if expected.micro_usd is None else usd(expected.micro_usd)
            facts = (
                ("input tokens", str(expected.input_tokens)),
                ("output tokens", str(expected.output_tokens)),
                ("cost over the plan", money),
            )
            return "the most it can use, which is held of every limit; offline no limit is asked", facts
        case Plan(attempts):
            reason = "a body and headers for each deployment's provider; credentials come from the vault"
            return reason, (("attempts", str(len(attempts))),)
        case Route():
            return _routed(receipt)
        case tuple():
            return _several(receipt, exchange)
        case _:
            raise TypeError(f"no words for a receipt of {step}")


def _several(receipt: Sequence[object], exchange: _Exchange) -> tuple[str, Facts]:
    models = [model.name for model in receipt if isinstance(model, Model)]
    return f"the key may use {len(models)} of {len(exchange.catalog.models)} models", (("models", ", ".join(models)),)


def _routed(route: Route) -> tuple[str, Facts]:
    reasons = {each.deployment: each.reason for each in route.considered}
    order = tuple(
        (str(index), f"{_place(each)} ({reasons[each.name]})") for index, each in enumerate(route.deployments, 1)
    )
    auto = (("auto", route.auto), ("because", "; ".join(route.auto_reasons))) if route.auto else ()
    not_chosen = _not_chosen(each for each in route.considered if not each.is_chosen)
    reason = "who is asked, in this order, as far as can be told offline: everybody is taken for healthy"
    return reason, (*auto, *order, *not_chosen)


def _not_chosen(considered: Iterable[Considered]) -> Facts:
    return tuple((f"not {each.deployment}", each.reason) for each in considered)


def _place(deployment: Deployment) -> str:
    return f"{deployment.name}: {deployment.upstream_model} at {deployment.scheme}://{deployment.authority}{deployment.base_path}"


def _places(head: RequestHead) -> str:
    return ", ".join(dict.fromkeys(name for name, _ in head.headers if name in CREDENTIAL_HEADERS))


def _key_facts(key: VirtualKey) -> Facts:
    models = "every model" if key.allowed_models is None else ", ".join(sorted(key.allowed_models)) or "none"
    return (
        ("belongs to", f"{key.organisation}/{key.team}/{key.project}"),
        ("may use", models),
    )


def _request_facts(request: ModelRequest) -> Facts:
    facts = [("model asked for", shown(request.model)), ("stream", _yes(request.is_stream))]
    if request.surface != "openai":
        facts.append(("speaks", f"{request.surface}; in the OpenAI dialect from here on"))
    if request.is_stream:
        facts.append(("usage chunk asked for", _yes(request.wants_usage)))
    messages = request.payload.get("messages")
    if isinstance(messages, list):
        facts.append(("messages", f"{len(messages)} ({_roles(messages)})"))
    # An extension's name is no field that anybody wrote.
    facts.append(("fields", shown_names(name for name in request.payload if name != EXTENSION)))
    return tuple(facts)


def _roles(messages: Iterable[object]) -> str:
    # A role is the caller's text: only the known ones are repeated.
    roles = (message.get("role") if isinstance(message, dict) else None for message in messages)
    counts = Counter(role if role in _ROLES else "other" for role in roles)
    return ", ".join(f"{count} {role}" for role, count in counts.items())


def _yes(claim: bool) -> str:  # noqa: FBT001 - the claim is the value
    return "yes" if claim else "no"


# -- no -----------------------------------------------------------------------------------------------------------


async def _refused(step: Step, reply: Reply, passed: dict[Step, object], exchange: _Exchange) -> tuple[Decision, ...]:
    reason = _message(reply)
    match step:
        case Step.IDENTITY:
            reason = await _why_unknown(passed[Step.CREDENTIAL], exchange)
        case Step.PERMIT:
            reason = _why_not_permitted(passed, exchange)
        case Step.ROUTE:
            return (Decision(step, is_passed=False, reason=reason, facts=_shut_out(passed, exchange)),)
        case Step.REQUEST if not _is_strict(exchange.body):
            return (replace(_STRICT, is_passed=False, reason=reason),)
        case Step.REQUEST:
            return (_STRICT, Decision(step, is_passed=False, reason=reason))
        case _:
            pass
    return (Decision(step, is_passed=False, reason=reason),)


def _shut_out(passed: dict[Step, object], exchange: _Exchange) -> Facts:
    permit, request = passed.get(Step.PERMIT), passed.get(Step.REQUEST)
    if not isinstance(permit, Permit) or not isinstance(request, ModelRequest):
        return ()
    now_s = exchange.desk.clock.now_s()
    return _not_chosen(shut_out(permit, request.operation, read_needs(request), exchange.catalog, now_s))


def _message(reply: Reply) -> str:
    message = json.loads(reply.body)["error"]["message"]
    return str(message)


async def _why_unknown(credential: object, exchange: _Exchange) -> str:
    """The caller hears one answer for all of these; whoever explains may know which it was."""
    if not isinstance(credential, Secret) or not is_well_formed(credential.reveal()):
        return "the key's form or checksum is wrong: refused without a look-up"
    key = await exchange.desk.directory.find(digest_token(credential, exchange.desk.pepper()))
    now_s = exchange.desk.clock.now_s()
    if key is None:
        return "the directory does not have the key"
    if key.revoked_at_s is not None and key.revoked_at_s <= now_s:
        return "the key is revoked; the caller is not told so"
    return "the key has expired; the caller is not told so"


def _is_strict(body: RequestBody) -> bool:
    """Whether reading the request failed at its fields: asked of the same function that reads it."""
    try:
        parse_object(body.data)
    except Refusal:
        return False
    return True


def _why_not_permitted(passed: dict[Step, object], exchange: _Exchange) -> str:
    request = passed.get(Step.REQUEST)
    known = exchange.catalog.models
    if isinstance(request, ModelRequest) and ModelName(request.model) not in known:
        return f"the catalog has no model {shown(request.model)}; it has {', '.join(sorted(known))}"
    if isinstance(request, ModelRequest):
        return (
            f"the key was not given {shown(request.model)}; the caller is told the same as if there were no such model"
        )
    return "the catalog does not have the model in the path, or the key was not given it"

"""``extproc explain``: what the gateway would do with a saved request, decision by decision, without being run.

The decisions are taken by the real admission over a directory and a vault in memory. Read ``saved_request`` for what
can be saved, ``exchange.explanation`` for what is told, ``explain_view`` for how.
"""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from extproc.bootstrap_explain import explain_desk
from extproc.cli import explain_view
from extproc.cli.check import default_config, show_problems
from extproc.cli.saved_request import SavedRequest, Unreadable, read_saved
from extproc.config.gateway import Gateway, GatewayInvalid, load
from extproc.dataplane.replies import body_of
from extproc.dialects.surfaces import surface_of
from extproc.exchange.admission import Step
from extproc.exchange.events import Reply, RequestBody, RequestHead
from extproc.exchange.explanation import Decision, Explanation, explain
from extproc.exchange.replies import JSON_TYPE
from extproc.exchange.words import size
from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.refusals import REQUEST_TOO_LARGE, Refusal
from extproc.model.secret import Secret
from extproc.policy.identify import CREDENTIAL_HEADERS, read_credential

_DEADLINE_S = 30.0
_READABLE = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)

_ASSUMED = VirtualKey(
    id=KeyId("key_assumed"),
    organisation=OrganisationId("-"),
    team=TeamId("-"),
    project=ProjectId("-"),
    environment="-",
    owner="-",
    allowed_models=None,
    tags=(),
    created_at_s=0.0,
    expires_at_s=None,
    revoked_at_s=None,
    hint="-",
)
_ALWAYS_ASSUMED = (
    "every provider credential is in the vault",
    "Envoy lets the request in: its checks of host, headers and spelling of the path are not repeated here",
)


@click.command(name="explain")
@click.argument("request_file", metavar="REQUEST", type=_READABLE)
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="The gateway.yaml. [$EXTPROC_CONFIG]")
@click.option("--path", default="/v1/chat/completions", show_default=True, help="Where a body alone is posted to.")
@click.option("--key-file", type=_READABLE, help="A file with the key to send, in place of the request's own.")
@click.option("--key", help="The key itself. Prefer --key-file: other users can see a command's arguments.")
@click.option("--organisation", help="Whom the key belongs to.")
@click.option("--team", help="Same.")
@click.option("--project", help="Same.")
@click.option("--models", help="What the key may use: names with commas between. Without: every model.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="When the key ends, in UTC.")
@click.option("--revoked", is_flag=True, help="The key is revoked.")
@click.option("--unknown", is_flag=True, help="The directory does not have the key.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for scripts.")
def command(
    *,
    request_file: str,
    config: Path | None,
    path: str,
    key_file: str | None,
    key: str | None,
    organisation: str | None,
    team: str | None,
    project: str | None,
    models: str | None,
    expires: datetime | None,
    revoked: bool,
    unknown: bool,
    is_json: bool,
) -> None:
    """Print every decision the gateway would take for REQUEST, in order, with its reason. Offline.

    REQUEST is a file, or - for standard input: a JSON body alone, a raw HTTP request, or the output of curl --trace.
    Whom the key belongs to is not looked up but taken from the options. Neither key nor prompt is printed.

    Exit code 0: it would go or be answered; 1: it would be refused.

    Example: extproc explain request.json --key-file key.txt --models gemma
    """
    request = _read(request_file, path)
    gateway = _load(config or default_config())
    if key_file is not None:
        if key is not None:
            raise click.UsageError("give --key or --key-file, not both")
        if key_file == request_file == "-":
            raise click.UsageError("the request comes from standard input: the key cannot come from there too")
        key = _read_key(key_file)
    if key is not None:
        request = _with_key(request, key)
    owner = replace(
        _ASSUMED,
        organisation=OrganisationId(organisation or _ASSUMED.organisation),
        team=TeamId(team or _ASSUMED.team),
        project=ProjectId(project or _ASSUMED.project),
        allowed_models=None if models is None else frozenset(ModelName(name) for name in models.split(",") if name),
        expires_at_s=None if expires is None else expires.replace(tzinfo=UTC).timestamp(),
        revoked_at_s=0.0 if revoked else None,
    )
    explanation = asyncio.run(_explain(gateway, request, None if unknown else owner))
    assumed = (*_assumed_of(owner, is_known=not unknown), *_ALWAYS_ASSUMED)
    (explain_view.print_json if is_json else explain_view.print_table)(explanation, assumed)
    sys.exit(1 if explanation.is_refused else 0)


def _assumed_of(owner: VirtualKey, *, is_known: bool) -> Iterator[str]:
    """What no option said."""
    if is_known and owner.expires_at_s is None and owner.revoked_at_s is None:
        yield "the directory has the key, and it is live"
    if is_known and owner.allowed_models is None:
        yield "the key may use every model"
    if is_known and _ASSUMED.project in {owner.organisation, owner.team, owner.project}:
        yield "whom the key belongs to, where it says -"


async def _explain(gateway: Gateway, request: SavedRequest, owner: VirtualKey | None) -> Explanation:
    desk = explain_desk(gateway.catalog, _credential(request), owner, gateway.guard)
    head = RequestHead(request.headers, is_end=not request.body, protocol=request.protocol)
    async with asyncio.timeout(_DEADLINE_S):
        explanation = await explain(
            desk, head, RequestBody(request.body), max_response_bytes=gateway.limits.max_response_bytes
        )
    return _within_size(explanation, request, gateway.limits.max_body_bytes)


def _within_size(explanation: Explanation, request: SavedRequest, max_bytes: int) -> Explanation:
    """Envoy holds the body back while admission judges the head, and answers itself when there is too much of it."""
    at = next((i for i, each in enumerate(explanation.decisions) if each.step == Step.CONTENT and each.is_passed), None)
    if at is None:
        return explanation
    is_small = len(request.body) <= max_bytes
    size_decision = Decision("size", is_small, f"{size(request.body)}; Envoy takes up to {max_bytes:,}")
    before = (*explanation.decisions[: at + 1], size_decision)
    if is_small:
        return replace(explanation, decisions=(*before, *explanation.decisions[at + 1 :]))
    kind, surface = REQUEST_TOO_LARGE, surface_of(request.headers)
    return Explanation(before, Reply(kind.status, (JSON_TYPE,), body_of(kind, surface).encode(), kind.code))


def _credential(request: SavedRequest) -> Secret | None:
    """The text that the directory is to know; None where admission will find no single one either."""
    try:
        return read_credential(request.headers, request.path.partition("?")[2])
    except Refusal:
        return None


def _with_key(request: SavedRequest, key: str) -> SavedRequest:
    kept = tuple((name, value) for name, value in request.headers if name not in CREDENTIAL_HEADERS)
    return replace(request, headers=(*kept, ("authorization", f"Bearer {key}")))


def _read_key(file: str) -> str:
    with click.open_file(file, "rb") as opened:
        text: str = opened.read().decode("ascii", errors="replace").strip()
    if not text:
        raise click.UsageError("the key file has no key in it")
    return text


def _read(file: str, path: str) -> SavedRequest:
    try:
        with click.open_file(file, "rb") as opened:
            return read_saved(opened.read(), path)
    except Unreadable as problem:
        raise click.UsageError(f"{file}: {problem}") from None


def _load(path: Path) -> Gateway:
    try:
        return load(path)
    except GatewayInvalid as invalid:
        show_problems(invalid)
        sys.exit(2)

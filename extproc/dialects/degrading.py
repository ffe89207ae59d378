"""Writes a request for a deployment without what the operator lets it do without.

    write_for(dialect, request, deployment, …) → Outgoing, whose ``degraded`` names what was left out

A field is left out where the dialect refuses it. Dialects that refuse nothing, OpenAI's own, leave out every field that
the deployment lists: its server is known to refuse or to ignore it. ``model.degradation`` has what may be listed.
"""

import re
from dataclasses import replace

from extproc.dialects.dialect import Dialect, Outgoing
from extproc.model.catalog import Deployment
from extproc.model.chat import ModelRequest
from extproc.model.degradation import ALWAYS_LEFT_OUT
from extproc.model.refusals import Refusal
from extproc.model.secret import Secret

_FIRST = re.compile(r"[^.\[]*")


def write_for(
    dialect: Dialect, request: ModelRequest, deployment: Deployment, credentials: tuple[Secret, ...], now_s: float
) -> Outgoing:
    """The request for this deployment; arguments as in ``Dialect.write``.

    Raises:
        Refusal: the dialect cannot express something that the deployment may not do without.
    """
    is_open = deployment.dialect in ALWAYS_LEFT_OUT
    left_out = {name for name in deployment.degrade if is_open and request.payload.get(name) is not None}
    while True:
        try:
            outgoing = dialect.write(_without(request, left_out), deployment, credentials, now_s)
        except Refusal as refusal:
            name = _listed_as(refusal.param)
            if name not in deployment.degrade or name in left_out:
                raise
            left_out.add(name)
            continue
        return replace(outgoing, degraded=tuple(sorted(left_out))) if left_out else outgoing


def _listed_as(param: str | None) -> str:
    found = _FIRST.match(param or "")
    name = found[0] if found else ""
    return "logprobs" if name == "top_logprobs" else name


def _without(request: ModelRequest, names: set[str]) -> ModelRequest:
    hidden = {*names, *(["top_logprobs"] if "logprobs" in names else [])}
    if not hidden:
        return request
    return replace(request, payload={name: value for name, value in request.payload.items() if name not in hidden})

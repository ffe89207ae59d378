"""What the vault said → fields and the end of their life. Pure; nothing of a value is ever in a reason.

Shapes: OpenBao API, "KV v2: read secret version" and "Lease, renew"; Vault API, "AWS", "Google Cloud" and "Azure"
secrets engines; read 2026-11. ``vault_session`` gets the answers, ``vault_holding`` keeps what is read here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine, Source
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret

DEPENDENCY = "vault"
_MAX_VALUE_CHARS = 16 * 1024
_AWS_FIELDS = {
    "access_key": "access_key_id",
    "secret_key": "secret_access_key",
    "security_token": "session_token",
}
"""The AWS engine's words for what AWS itself, and our KV secrets, call otherwise."""

Fields = Mapping[str, Secret | None]
"""None: what is there is not a text."""


@dataclass(frozen=True, slots=True)
class Lease:
    """How long an answer is good for."""

    id: str
    """Empty: the vault cannot renew or revoke it, as Google's access tokens."""
    life_s: float
    is_renewable: bool


@dataclass(frozen=True, slots=True)
class Login:
    """What a login or a renewal of our token gave."""

    token: Secret
    life_s: float
    """Infinity: it has no end."""
    is_renewable: bool
    policies: tuple[str, ...]


def name_of(source: Source, refs: Iterable[CredentialRef] = ()) -> str:
    """How people and logs call it: ``providers/openai#api_key``."""
    fields = ",".join(ref.field for ref in refs if not ref.is_optional)
    return f"{source.path}#{fields}" if fields else source.path


def read_fields(source: Source, name: str, answer: object) -> tuple[Fields, Lease | None]:
    """Every field of one answer, and its lease where the engine gives one.

    Raises:
        Unavailable: the answer is not of the kind that the source names.
    """
    match answer:
        case {"data": {"data": dict(fields)}} if source.engine is Engine.KV:
            return _secrets(fields), None
        case {"data": dict(fields)} if source.engine is Engine.LEASE:
            known = {_AWS_FIELDS.get(str(key), str(key)): value for key, value in fields.items() if value is not None}
            lease = read_lease(answer) or _own_end(fields)
            if lease is None:
                raise Unavailable(DEPENDENCY, f"{name}: the answer has neither a lease nor an end")
            return _secrets(known), lease
    kind = "a KV v2 secret" if source.engine is Engine.KV else "of a dynamic engine"
    raise Unavailable(DEPENDENCY, f"{name}: the answer is not {kind}")


def read_lease(answer: object) -> Lease | None:
    """The lease of an answer, or of a renewal; None where it has none."""
    match answer:
        case {"lease_id": str(lease), "lease_duration": int(life_s), **rest} if lease and life_s > 0:
            return Lease(lease, life_s, is_renewable=rest.get("renewable") is True)
    return None


def read_login(answer: object) -> Login | None:
    """The token that a login or a renewal gave; None where the answer is not one."""
    match answer:
        case {"auth": {"client_token": str(token), "lease_duration": int(life_s)} as auth} if token:
            policies = auth.get("policies")
            names = tuple(str(each) for each in policies) if isinstance(policies, list) else ()
            is_renewable = auth.get("renewable") is True
            return Login(Secret(token), life_s if life_s > 0 else float("inf"), is_renewable, names)
    return None


def pick(fields: Fields, refs: Iterable[CredentialRef]) -> dict[str, Secret]:
    """The values that are wanted, each fit for an HTTP header.

    Raises:
        Unavailable: one is missing or could not stand in a header; it is refused here, not by Envoy per request.
    """
    chosen: dict[str, Secret] = {}
    for ref in refs:
        name = name_of(ref.source, (replace(ref, is_optional=False),))
        if ref.field in fields:
            check_fit(fields[ref.field], name)
            chosen[ref.field] = fields[ref.field] or Secret("")
        elif not ref.is_optional:
            raise Unavailable(DEPENDENCY, f"{name}: the secret has no such field")
    return chosen


def check_fit(value: Secret | None, name: str) -> None:
    """Whether a value can stand in a header as it is.

    Raises:
        Unavailable: it cannot; the reason says why and holds nothing of it.
    """
    text = "" if value is None else value.reveal()
    if not 1 <= len(text) <= _MAX_VALUE_CHARS:
        raise Unavailable(DEPENDENCY, f"{name}: not a text of 1 to {_MAX_VALUE_CHARS} characters")
    if any(not "!" <= character <= "~" for character in text):
        raise Unavailable(
            DEPENDENCY, f"{name}: spaces, line ends or characters outside ASCII; write the bare key again"
        )


def _secrets(fields: Mapping[str, object]) -> Fields:
    return {key: Secret(value) if isinstance(value, str) else None for key, value in fields.items()}


def _own_end(fields: Mapping[str, object]) -> Lease | None:
    """Google's access tokens have no lease: they say how long they live."""
    match fields:
        case {"token_ttl": int(life_s)} if life_s > 0:
            return Lease("", life_s, is_renewable=False)
    return None

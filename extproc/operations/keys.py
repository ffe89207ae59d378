"""What operators do to virtual keys: mint, list, show, rotate, revoke.

Every change carries a deed, the store writes it into the admin log in the same transaction, and only then the workers
are told. Whether they could be told at once is in the result; their poll finds the change in any case.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.keys import Deed, KeyChange, KeyFile, KeyFilter, KeyProblem, NewKey
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.model.token import digest_token, is_slug, is_well_formed, mint_token
from extproc.operations.deeds import MOST_LINE_CHARS, find_deed_problems, find_line_problems
from extproc.policy.ports import Clock, Invalidations, KeyStore

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_CHARS = 22
_SKEW_S = 60.0
"""A revocation for now is dated this far back, so that a worker whose clock is late refuses the key as well. The admin
log has the true moment."""


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """What the commands ask of the world."""

    store: KeyStore
    invalidations: Invalidations
    pepper: Callable[[], Awaitable[Secret]]
    """Asked only when a key is minted: a key can be revoked while the vault is away. Raises Unavailable."""
    clock: Clock
    random_below: Callable[[int], int]
    """A cryptographic source; ``secrets.randbelow`` in production."""


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """The key that is asked for."""

    organisation: OrganisationId
    team: TeamId
    project: ProjectId
    environment: str
    owner: str
    allowed_models: frozenset[ModelName] | None
    """None: every model of the catalog."""
    tags: tuple[str, ...]
    expires_at_s: float | None


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key, and the only time its text is at hand."""

    key: VirtualKey
    token: Secret
    is_announced: bool = True
    """False: Redis could not be told that the key before it ends; workers notice at their next poll."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A key that was revoked."""

    key: KeyId
    revoked_at_s: float
    is_announced: bool


async def mint(desk: KeyDesk, order: KeyOrder, deed: Deed, *, may_create_project: bool) -> Minted:
    """Make a new key.

    Raises:
        KeyProblem: what was asked cannot be; nothing was changed.
        Unavailable: vault or store did not answer.
    """
    now_s = _now(desk)
    _raise_if_any([*_find_problems(order, now_s), *find_deed_problems(deed)])
    key, token = _make_key(desk, order, now_s)
    new = NewKey(key, digest_token(token, await desk.pepper()))
    # No word goes out: no worker can remember a key that nobody had.
    await desk.store.add(new, deed, may_create_project=may_create_project)
    return Minted(key, token)


async def rotate(
    desk: KeyDesk, old: KeyId, deed: Deed, *, grace_s: float = 0.0, expires_at_s: float | None = None
) -> Minted:
    """Make a successor of a key, with everything the old one has, and revoke the old one after the grace period.

    Args:
        desk: what is asked of the world.
        old: the key to be replaced; neither revoked nor about to be.
        deed: who, and which approval.
        grace_s: how long both work; 0 ends the old one at once.
        expires_at_s: the successor's end; None keeps the old one's.

    Raises:
        KeyProblem: it cannot be; nothing was changed.
        Unavailable: vault or store did not answer.
    """
    now_s = _now(desk)
    problems = [*_find_id_problems(old), *find_deed_problems(deed)]
    if not 0 <= grace_s < math.inf:
        problems.append("the grace period must not be negative; 0 revokes the old key at once")
    _raise_if_any(problems)
    before = (await desk.store.show(old)).key
    order = _order_like(before, expires_at_s)
    _raise_if_any(_find_problems(order, now_s))
    key, token = _make_key(desk, order, now_s)
    new = NewKey(key, digest_token(token, await desk.pepper()))
    ends_s = now_s + grace_s if grace_s else now_s - _SKEW_S
    of_old, _ = await desk.store.replace(old, ends_s, new, deed)
    return Minted(key, token, await _announce(desk, of_old))


async def revoke(desk: KeyDesk, key: KeyId, deed: Deed) -> Revoked:
    """Revoke a key at once, and for good.

    Raises:
        KeyProblem: there is no such key, or it was revoked before.
        Unavailable: the store did not answer.
    """
    _raise_if_any([*_find_id_problems(key), *find_deed_problems(deed)])
    revoked_at_s = _now(desk) - _SKEW_S
    change = await desk.store.revoke(key, revoked_at_s, deed)
    return Revoked(key, revoked_at_s, await _announce(desk, change))


async def list_keys(desk: KeyDesk, which: KeyFilter) -> tuple[VirtualKey, ...]:
    """The matching keys, oldest first; raises KeyProblem and Unavailable."""
    asked = (
        *(("organisation", which.organisation), ("team", which.team), ("project", which.project)),
        *(("environment", which.environment), ("owner", which.owner), ("tag", which.tag)),
    )
    _raise_if_any(
        [problem for what, value in asked if value is not None for problem in find_line_problems(what, value)]
    )
    return await desk.store.list(which)


async def show(desk: KeyDesk, key: KeyId) -> KeyFile:
    """One key with its history; raises KeyProblem and Unavailable."""
    _raise_if_any(_find_id_problems(key))
    return await desk.store.show(key)


def _make_key(desk: KeyDesk, order: KeyOrder, now_s: float) -> tuple[VirtualKey, Secret]:
    token = mint_token(order.organisation, desk.random_below)
    identity = "".join(_ALPHABET[desk.random_below(len(_ALPHABET))] for _ in range(_ID_CHARS))
    key = VirtualKey(
        id=KeyId(f"key_{identity}"),
        organisation=order.organisation,
        team=order.team,
        project=order.project,
        environment=order.environment,
        owner=order.owner,
        allowed_models=order.allowed_models,
        tags=order.tags,
        created_at_s=now_s,
        expires_at_s=order.expires_at_s,
        revoked_at_s=None,
        hint=f"gk_{order.organisation}_…{token.reveal()[-4:]}",
    )
    return key, token


def _order_like(key: VirtualKey, expires_at_s: float | None) -> KeyOrder:
    return KeyOrder(
        organisation=key.organisation,
        team=key.team,
        project=key.project,
        environment=key.environment,
        owner=key.owner,
        allowed_models=key.allowed_models,
        tags=key.tags,
        expires_at_s=key.expires_at_s if expires_at_s is None else expires_at_s,
    )


async def _announce(desk: KeyDesk, change: KeyChange) -> bool:
    try:
        await desk.invalidations.publish(change)
    except Unavailable:
        # The change stands. What was not said now, the workers' poll finds.
        return False
    return True


def _now(desk: KeyDesk) -> float:
    # Milliseconds: what the store keeps and what was asked stay the same number.
    return math.floor(desk.clock.now_s() * 1000) / 1000


def _find_problems(order: KeyOrder, now_s: float) -> list[str]:
    places = (
        ("organisation", order.organisation),
        ("team", order.team),
        ("project", order.project),
        ("environment", order.environment),
    )
    problems = [f"{what} {value!r}: use 2-32 of a-z, 0-9, inner '-'" for what, value in places if not is_slug(value)]
    lines = [("owner", order.owner), *(("tag", tag) for tag in order.tags)]
    lines += [("model", model) for model in order.allowed_models or ()]
    problems += [problem for what, value in lines for problem in find_line_problems(what, value)]
    if order.expires_at_s is not None and not now_s < order.expires_at_s < math.inf:
        problems.append("the key would be expired from the start; give a later --expires")
    return problems


def _find_id_problems(key: KeyId) -> list[str]:
    if is_well_formed(key):
        # Not repeated in the message: it would be on screen and in the shell's history, and now in a log as well.
        return ["that is the text of a key, not its id (key_…); treat it as leaked, and find the id with `keys list`"]
    if key.isascii() and key.removeprefix("key_").isalnum() and len(key) == len("key_") + _ID_CHARS:
        return []
    return [f"{key[:MOST_LINE_CHARS]!a} is not the id of a key; an id is key_ and {_ID_CHARS} letters or digits"]


def _raise_if_any(problems: list[str]) -> None:
    if problems:
        raise KeyProblem("; ".join(problems))

"""The blocking half of the vault: one HTTP session, one token, questions one at a time.

A token is renewed after two thirds of its life, with jitter, and replaced by a new login when it cannot be renewed or
comes near its longest life. What was leased under a token ends with that token, so every answer says which it was.
403 means that the token was revoked or may not read this: one new login tells which. If the new one may not either, it
is given back and the old one stays, with its leases.

``vault`` calls this from a thread of its own. hvac sends; its own logins are not used, for they replace the client's
token even where they fail half-way.
"""

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import hvac
import requests
import structlog
from hvac import exceptions as answers

from extproc.adapters.vault_answers import DEPENDENCY, Lease, Login, read_lease, read_login
from extproc.adapters.vault_login import VaultAccount
from extproc.model.credentials import Engine, Source
from extproc.model.refusals import Unavailable
from extproc.policy.ports import Clock

CALL_TIMEOUT_S = 5.0
_RENEW_AT = 2 / 3
_JITTER = 0.1
_RETRY_S = 5.0
_SHORT = 0.5
"""A renewal that gives less than this part of what was given at first is close to the longest life there may be."""

_log = structlog.get_logger(__name__)


class VaultOut(Unavailable):
    """The vault itself cannot be used: gone, sealed, or it does not let us in. Says nothing of a single secret."""


def renew_after_s(life_s: float, jitter: Callable[[], float]) -> float:
    """Two thirds of a life, give or take a tenth: what many workers hold must not be due at once."""
    return life_s * _RENEW_AT * (1 - _JITTER + 2 * _JITTER * jitter())


def is_short(life_s: float, first_life_s: float) -> bool:
    """Whether a renewal gave so little that the longest life is near."""
    return life_s < first_life_s * _SHORT


@dataclass(slots=True, eq=False)
class Token:
    """One login. ``expires_at_s`` moves when it is renewed."""

    client: hvac.Client
    policies: tuple[str, ...]
    first_life_s: float
    expires_at_s: float
    renew_at_s: float
    is_renewable: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vault said, when it was asked, and under which login."""

    document: object
    asked_at_s: float
    token: Token


class VaultSession:
    """Use from one thread."""

    def __init__(self, account: VaultAccount, clock: Clock, jitter: Callable[[], float] = random.random) -> None:
        self._account = account
        self._clock = clock
        self._jitter = jitter
        self._http = requests.Session()
        # Proxies and ~/.netrc of whoever started us have no part in this.
        self._http.trust_env = False
        if account.ca_file is not None:
            self._http.verify = str(account.ca_file)
        self.token: Token | None = None
        """The login in force; None before the first."""

    def read(self, source: Source, name: str) -> Answer:
        """One question. Of a dynamic engine, every question makes new credentials.

        Raises:
            VaultOut: the vault cannot be used.
            Unavailable: this cannot be had. No reason ever quotes the answer.
        """
        below = f"{self._account.mount}/data/" if source.engine is Engine.KV else ""
        with _told(name, source.engine):
            return self._ask(lambda client: client.adapter.get(f"/v1/{below}{source.path}"), name)

    def renew(self, lease: Lease, token: Token, name: str) -> tuple[Lease, float] | None:
        """More life for a lease and when that was asked; None where there is none to be had, or not much.

        Raises:
            VaultOut: the vault cannot be used.
            Unavailable: the engine is in trouble, or the vault has only just been opened.
        """
        with _told(name, Engine.LEASE):
            if self._live() is not token:
                return None
            asked_at_s = self._clock.now_s()
            try:
                renewed = read_lease(
                    token.client.adapter.put("/v1/sys/leases/renew", json={"lease_id": lease.id}),
                )
            except (answers.InvalidRequest, answers.Forbidden, answers.InvalidPath):
                return None
        return None if renewed is None else (renewed, asked_at_s)

    def keep_login(self) -> None:
        """Have a token that is alive, renewed or replaced if it is time.

        Raises:
            VaultOut: there is none to be had.
        """
        with _told("the login"):
            self._live()

    def give_back(self) -> None:
        """Revoke our token and with it everything that was leased under it. Best effort."""
        if self.token is not None:
            _revoke(self.token)
            self.token = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, question: Callable[[hvac.Client], object], name: str) -> Answer:
        before = self._live()
        # The age counts from before the question: the answer may be as old as that.
        asked_at_s = self._clock.now_s()
        try:
            return Answer(question(before.client), asked_at_s, before)
        except answers.Forbidden:
            after = self._login()
        asked_at_s = self._clock.now_s()
        is_better = True
        try:
            return Answer(question(after.client), asked_at_s, after)
        except answers.Forbidden:
            is_better = False
            _revoke(after)
            raise Unavailable(DEPENDENCY, f"{name}: permission denied") from None
        finally:
            if is_better:
                self.token = after

    def _live(self) -> Token:
        token, now_s = self.token, self._clock.now_s()
        if token is not None and now_s < token.renew_at_s:
            return token
        if token is not None and now_s < token.expires_at_s:
            if self._is_renewed(token):
                return token
            try:
                self.token = self._login()
            except Unavailable as trouble:
                # It serves until its end: a login that is refused today is an alarm, not yet an outage.
                _log.warning("vault_login_failed", reason=trouble.reason)
                token.renew_at_s = now_s + _RETRY_S
                return token
        else:
            self.token = self._login()
        return self.token

    def _is_renewed(self, token: Token) -> bool:
        if not token.is_renewable:
            return False
        asked_at_s = self._clock.now_s()
        try:
            given = read_login(token.client.adapter.post("/v1/auth/token/renew-self", json={}))
        except (answers.Forbidden, answers.InvalidRequest):
            return False
        if given is None or is_short(given.life_s, token.first_life_s):
            return False
        token.expires_at_s = asked_at_s + given.life_s
        token.renew_at_s = asked_at_s + renew_after_s(given.life_s, self._jitter)
        return True

    def _login(self) -> Token:
        login = self._account.login
        try:
            proof = login.proof()
        except Unavailable as trouble:
            raise VaultOut(DEPENDENCY, trouble.reason) from None
        asked_at_s = self._clock.now_s()
        try:
            given = read_login(self._client("").adapter.post(f"/v1/auth/{login.mount}/login", json=dict(proof)))
        except (answers.InvalidRequest, answers.Forbidden, answers.Unauthorized, answers.InvalidPath):
            raise VaultOut(DEPENDENCY, f"the vault refused our login ({login.method} at {login.mount})") from None
        if given is None:
            raise VaultOut(DEPENDENCY, "the answer to our login is not a token")
        return self._token(given, asked_at_s)

    def _token(self, given: Login, asked_at_s: float) -> Token:
        return Token(
            client=self._client(given.token.reveal()),
            policies=given.policies,
            first_life_s=given.life_s,
            expires_at_s=asked_at_s + given.life_s,
            renew_at_s=asked_at_s + renew_after_s(given.life_s, self._jitter),
            is_renewable=given.is_renewable,
        )

    def _client(self, token: str) -> hvac.Client:
        # An empty token, or hvac takes one from the environment or the home directory. No redirects: requests would
        # send the token along.
        return hvac.Client(
            url=self._account.address, token=token, timeout=CALL_TIMEOUT_S, allow_redirects=False, session=self._http
        )


def _revoke(token: Token) -> None:
    with contextlib.suppress(answers.VaultError, requests.RequestException):
        token.client.adapter.post("/v1/auth/token/revoke-self", json={})


@contextlib.contextmanager
def _told(name: str, engine: Engine = Engine.KV) -> Iterator[None]:
    """Every way in which a call fails, in our words: the vault's own quote its answer."""
    try:
        yield
    except answers.InvalidPath:
        raise Unavailable(DEPENDENCY, f"{name}: there is no such secret") from None
    except answers.VaultDown:
        raise VaultOut(DEPENDENCY, f"{name}: the vault is sealed") from None
    except answers.VaultError as error:
        # A dynamic engine that cannot reach its cloud says 500 too; otherwise that is a vault that is just starting.
        is_own = isinstance(error, answers.InvalidRequest) or (
            isinstance(error, answers.InternalServerError) and engine is Engine.LEASE
        )
        raise (Unavailable if is_own else VaultOut)(DEPENDENCY, f"{name}: {type(error).__name__}") from None
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise VaultOut(DEPENDENCY, f"{name}: no usable answer ({type(error).__name__})") from None

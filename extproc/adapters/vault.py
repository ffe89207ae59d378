"""Provider credentials from OpenBao or Vault: KV v2, AppRole, kept in memory and nowhere else.

``load`` reads what must be there before the first request, ``run`` keeps it fresh, ``credential`` only looks into
memory. A KV v2 reading has no lease, so its age is kept here: without the vault it serves until ``max_stale_s``.

What the vault answers: 403 means that the token was revoked, or may not read this (one new login tells which); 503 that
it is sealed; 404 that nobody wrote the secret. hvac blocks, so it runs in a small pool of its own, with a timeout.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import hvac
import requests
import structlog
from hvac import exceptions as answers

from extproc.model.catalog import CredentialRef
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.policy.ports import Clock

_DEPENDENCY = "vault"
_CALL_TIMEOUT_S = 5.0
_STEP_DEADLINE_S = 15.0
"""For one reading with its possible login: requests' own timeout is per read from the socket, not for the whole."""
_FIRST_RETRY_S = 1.0
_JITTER = 0.2
_RENEW_AT = 2 / 3
_MAX_VALUE_CHARS = 16 * 1024

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class VaultAccount:
    """Where the vault is and who we are there. The files are read at every login, so that they can be replaced."""

    address: str
    mount: str
    role_id_file: Path
    secret_id_file: Path
    ca_file: Path | None = None
    """PEM bundle that signs the vault's certificate; None: the public ones."""


@dataclass(frozen=True, slots=True)
class _Reading:
    value: Secret
    read_at_s: float


class KvVault:
    """The ``Vault`` port on a real one. Use from one event loop; close it at the end."""

    def __init__(
        self,
        account: VaultAccount,
        clock: Clock,
        *,
        max_stale_s: float,
        refresh_s: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``jitter`` gives numbers in [0, 1): workers must not all ask at once."""
        self._session = _Session(account, clock)
        self._clock = clock
        self._max_stale_s = max_stale_s
        self._refresh_s = refresh_s
        self._jitter = jitter
        self._readings: dict[CredentialRef, _Reading] = {}
        self._wanted: tuple[CredentialRef, ...] = ()
        self._is_out = False
        self._turn = asyncio.Lock()
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="vault")

    def credential(self, ref: CredentialRef) -> Secret:
        """The credential as last read. Never waits.

        Raises:
            Unavailable: it was never read, or the last reading is older than max-stale.
        """
        reading = self._readings.get(ref)
        if reading is None:
            raise Unavailable(_DEPENDENCY, f"{_name(ref)} was never read")
        age_s = self._clock.now_s() - reading.read_at_s
        if age_s > self._max_stale_s:
            raise Unavailable(_DEPENDENCY, f"{_name(ref)} was last read {age_s:.0f} s ago")
        return reading.value

    async def load(self, refs: Iterable[CredentialRef]) -> None:
        """Make these the credentials that are kept, and read those that are not in memory yet.

        Raises:
            Unavailable: one could not be read; the reason names it. The credentials kept before stay.
        """
        wanted = tuple(dict.fromkeys(refs))
        for ref in wanted:
            if ref not in self._readings:
                await self._read(ref)
        self._wanted = wanted
        self._readings = {ref: reading for ref, reading in self._readings.items() if ref in wanted}

    async def refresh(self) -> None:
        """Read everything that is kept once more.

        Raises:
            Unavailable: at least one could not be read; the reason names the first. The others were.
        """
        first: Unavailable | None = None
        for ref in self._wanted:
            try:
                await self._read(ref)
            except Unavailable as error:
                first = first or error
        if first is not None:
            raise first

    async def run(self) -> None:
        """Keep everything fresh until cancelled. An outage is told once, and its end."""
        pause_s = self._refresh_s
        while True:
            await asyncio.sleep(pause_s * (1 - _JITTER + 2 * _JITTER * self._jitter()))
            try:
                await self.refresh()
            except Unavailable as error:
                if not self._is_out:
                    _log.warning("vault_unavailable", reason=error.reason, max_stale_s=self._max_stale_s)
                    pause_s = _FIRST_RETRY_S / 2
                self._is_out = True
                pause_s = min(pause_s * 2, self._refresh_s)
            else:
                if self._is_out:
                    _log.info("vault_available")
                self._is_out = False
                pause_s = self._refresh_s

    async def close(self) -> None:
        """Let go of the pool and the connections; readings are forgotten."""
        self._readings.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    async def _read(self, ref: CredentialRef) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_STEP_DEADLINE_S), self._turn:
                # The age counts from before the question: the answer may be as old as that.
                asked_at_s = self._clock.now_s()
                value = await loop.run_in_executor(self._pool, self._session.read, ref)
        except TimeoutError:
            raise Unavailable(_DEPENDENCY, f"{_name(ref)}: no answer in {_STEP_DEADLINE_S:g} s") from None
        self._readings[ref] = _Reading(value, asked_at_s)


class _Session:
    """The blocking half: one hvac client, one token."""

    def __init__(self, account: VaultAccount, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._http = requests.Session()
        # Proxies and ~/.netrc of whoever started us have no part in this.
        self._http.trust_env = False
        if account.ca_file is not None:
            self._http.verify = str(account.ca_file)
        # An empty token, or hvac takes one from the environment or the home directory. No redirects: requests would
        # send the token along.
        self._client = hvac.Client(
            url=account.address, token="", timeout=_CALL_TIMEOUT_S, allow_redirects=False, session=self._http
        )
        self._renew_at_s = float("-inf")

    def read(self, ref: CredentialRef) -> Secret:
        """One field of one secret.

        Raises:
            Unavailable: it could not be had, or is not fit for a header. The reason never holds the value.
        """
        try:
            if self._clock.now_s() >= self._renew_at_s:
                self._renew_or_login()
            try:
                document = self._get(ref)
            except answers.Forbidden:
                self._login()
                document = self._get(ref)
        except answers.Forbidden:
            raise Unavailable(_DEPENDENCY, f"{_name(ref)}: permission denied") from None
        except answers.InvalidPath:
            raise Unavailable(_DEPENDENCY, f"{_name(ref)}: there is no such secret") from None
        except answers.VaultDown:
            raise Unavailable(_DEPENDENCY, f"{_name(ref)}: the vault is sealed") from None
        except answers.VaultError as error:
            # Its text quotes the server's answer, which is not ours to trust with a log.
            raise Unavailable(_DEPENDENCY, f"{_name(ref)}: {type(error).__name__}") from None
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise Unavailable(_DEPENDENCY, f"{_name(ref)}: no usable answer ({type(error).__name__})") from None
        return _fit(ref, document)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _get(self, ref: CredentialRef) -> object:
        return self._client.secrets.kv.v2.read_secret_version(
            path=ref.path, mount_point=self._account.mount, raise_on_deleted_version=True
        )

    def _renew_or_login(self) -> None:
        if not self._client.token:
            self._login()
            return
        try:
            self._note_lifetime(self._client.auth.token.renew_self())
        except (answers.Forbidden, answers.InvalidRequest):
            self._login()

    def _login(self) -> None:
        try:
            role_id = self._account.role_id_file.read_text().strip()
            secret_id = self._account.secret_id_file.read_text().strip()
        except OSError as error:
            raise Unavailable(
                _DEPENDENCY, f"the login file {error.filename} cannot be read: {error.strerror}"
            ) from None
        self._client.token = ""
        try:
            self._note_lifetime(self._client.auth.approle.login(role_id=role_id, secret_id=secret_id))
        except (answers.InvalidRequest, answers.Forbidden, answers.Unauthorized):
            raise Unavailable(_DEPENDENCY, "the vault refused our role id and secret id") from None

    def _note_lifetime(self, answer: object) -> None:
        match answer:
            case {"auth": {"lease_duration": int(seconds)}} if seconds > 0:
                self._renew_at_s = self._clock.now_s() + seconds * _RENEW_AT
            case _:  # a token without an end
                self._renew_at_s = float("inf")


def _fit(ref: CredentialRef, document: object) -> Secret:
    """The field's value, if it can stand in an HTTP header; a broken one is refused here, not by Envoy per request."""
    match document:
        case {"data": {"data": dict(fields)}}:
            value = fields.get(ref.field)
        case _:
            raise Unavailable(_DEPENDENCY, f"{_name(ref)}: the answer is not a KV v2 secret")
    if value is None:
        raise Unavailable(_DEPENDENCY, f"{_name(ref)}: the secret has no such field")
    if not isinstance(value, str) or not value or len(value) > _MAX_VALUE_CHARS:
        raise Unavailable(_DEPENDENCY, f"{_name(ref)}: not a text of 1 to {_MAX_VALUE_CHARS} characters")
    if any(not "!" <= character <= "~" for character in value):
        raise Unavailable(
            _DEPENDENCY, f"{_name(ref)}: spaces, line ends or characters outside ASCII; write the bare key again"
        )
    return Secret(value)


def _name(ref: CredentialRef) -> str:
    return f"{ref.path}#{ref.field}"

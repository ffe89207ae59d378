"""Provider credentials from OpenBao or Vault, kept in memory and nowhere else: the ``Vault`` port on a real one.

    KV v2        read every ``refresh_s``; it has no lease, so its age is kept here and it serves until ``max_stale_s``
    lease        renewed after two thirds of its life, issued again when that gives little; serves until its end
    minted       an access token made of either; made again after two thirds of its life; serves until its end

``load`` reads what must be there before the first request, ``run`` keeps it fresh, ``credential`` only looks into
memory. Old leases are left to run out: a request that is under way may still need them. Read next: ``vault_upkeep`` for
what is done when, ``vault_holding`` for one source, ``vault_session`` for what is asked, ``vault_answers`` for what is
believed, ``token_mint`` for tokens.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable

import structlog

from extproc.adapters.vault_answers import DEPENDENCY, name_of
from extproc.adapters.vault_holding import Holding
from extproc.adapters.vault_login import VaultAccount
from extproc.adapters.vault_upkeep import Upkeep
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine, Source
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.model.vault_state import LoginState, VaultState
from extproc.policy.ports import Clock

_LEAST_PAUSE_S = 0.01
_REJECTED_EVERY_S = 5.0
"""How often a provider's 401 makes us look at one source again."""
_ISSUE_EVERY_S = 60.0
"""The same for a lease: looking again makes new credentials, and a provider needs a while to know those."""

_log = structlog.get_logger(__name__)


class VaultCredentials:
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
        self._upkeep = Upkeep(account, clock, max_stale_s=max_stale_s, refresh_s=refresh_s, jitter=jitter)
        self._login = account.login
        self._clock = clock
        self._max_stale_s = max_stale_s
        self._refresh_s = refresh_s
        self._held: dict[Source, Holding] = {}
        self._rejected: set[Source] = set()
        self._wake = asyncio.Event()
        self._is_loaded = False

    def credential(self, ref: CredentialRef) -> Secret:
        """The credential as last read; an optional one that its source does not have is empty. Never waits.

        Raises:
            Unavailable: it was never read, its last reading is older than max-stale, or it has ended.
        """
        holding = self._held.get(ref.source)
        value = None if holding is None else holding.values.get(ref.field)
        if holding is None or not holding.values or (value is None and not ref.is_optional):
            raise Unavailable(DEPENDENCY, f"{name_of(ref.source, (ref,))} was never read")
        now_s = self._clock.now_s()
        if now_s >= holding.usable_until_s(self._max_stale_s):
            told = f"was last read {now_s - holding.read_at_s:.0f} s ago and is too old to be used"
            raise Unavailable(DEPENDENCY, f"{name_of(ref.source, (ref,))} {told}")
        return value or Secret("")

    def rejected(self, refs: Iterable[CredentialRef]) -> None:
        """A provider refused these with 401: look soon if there are others. Never waits; see the port."""
        now_s = self._clock.now_s()
        for source in dict.fromkeys(ref.source for ref in refs):
            holding = self._held.get(source)
            is_issue = source.engine is Engine.LEASE and source.mint is None
            every_s = _ISSUE_EVERY_S if is_issue else _REJECTED_EVERY_S
            if holding is None or now_s - max(holding.forced_at_s, holding.issued_at_s if is_issue else 0) < every_s:
                continue
            holding.forced_at_s = now_s
            _log.warning("credential_rejected", credential=holding.name)
            self._rejected.add(source)
            self._wake.set()

    async def load(self, refs: Iterable[CredentialRef]) -> None:
        """Make these the credentials that are kept, and read those that are not in memory yet.

        Raises:
            Unavailable: one could not be read; the reason names it. The credentials kept before stay.
        """
        wanted = _grouped(refs)
        for source, mine in wanted.items():
            await self._have(source, mine)
        for source, mine in wanted.items():
            self._held[source].refs = mine
        self._held = {source: self._held[source] for source in wanted}
        self._is_loaded = True

    async def probe(self, refs: Iterable[CredentialRef]) -> VaultState:
        """Try to have each of these, and say how that went. An outage ends it: nothing more would be learnt."""
        for source, mine in _grouped(refs).items():
            with contextlib.suppress(Unavailable):  # it is in the state
                await self._have(source, mine)
            if self._upkeep.out_since_s is not None:
                break
        return self.state()

    async def refresh(self) -> None:
        """See to everything that is kept, due or not.

        Raises:
            Unavailable: at least one could not be had; the reason names the first. The others were.
        """
        await self._upkeep.tend(tuple(self._held.values()), must_read=True, must_mint=True)

    async def tend(self) -> None:
        """Do what is due now: read, renew, issue, mint.

        Raises:
            Unavailable: at least one could not be had; the reason names the first. The others were.
        """
        self._wake.clear()
        rejected, self._rejected = self._rejected, set()
        first: Unavailable | None = None
        for source in rejected:
            if source in self._held:
                first = await self._force(self._held[source]) or first
        await self._upkeep.keep_login()
        token = self._upkeep.token
        await self._upkeep.tend(tuple(self._held.values()))
        if self._upkeep.token is not token:  # what was leased before the new login is lost
            await self._upkeep.tend(tuple(self._held.values()))
        if first is not None:
            raise first

    async def reread(self, ref: CredentialRef) -> None:
        """Read the ref's source once more, now; issue a lease again; mint a token again.

        Raises:
            Unavailable: it could not be had. What was in memory stays.
        """
        if ref.source not in self._held:
            raise Unavailable(DEPENDENCY, f"{name_of(ref.source, (ref,))} was never read")
        trouble = await self._force(self._held[ref.source])
        if trouble is not None:
            raise trouble

    async def run(self) -> None:
        """Keep everything fresh until cancelled. An outage is told once, and its end."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._wake.wait()
            with contextlib.suppress(Unavailable):  # told where it was noticed
                await self.tend()

    def state(self) -> VaultState:
        """What may be shown of everything that is held."""
        token = self._upkeep.token
        login = None
        if token is not None:
            end_s = None if token.expires_at_s == float("inf") else token.expires_at_s
            login = LoginState(self._login.method, self._login.mount, token.policies, end_s, token.is_renewable)
        sources = tuple(holding.state(self._max_stale_s) for holding in self._held.values())
        return VaultState(self._clock.now_s(), self._upkeep.out_since_s, login, sources)

    async def give_back(self) -> None:
        """Revoke our login and everything that was leased under it. Only where no request can be using any of it."""
        await self._upkeep.give_back()

    async def close(self) -> None:
        """Let go of the threads and the connections; what was held is forgotten.

        Leases stay until they run out, for requests of ours that are still under way in Envoy. Only where nothing was
        ever loaded they are given back: a worker that cannot start and is started again would pile them up.
        """
        if not self._is_loaded and self._upkeep.token is not None:
            await self._upkeep.give_back()
        self._held.clear()
        self._upkeep.close()

    async def _have(self, source: Source, refs: tuple[CredentialRef, ...]) -> None:
        holding = self._held.setdefault(source, Holding(source, ()))
        is_known = set(refs) <= set(holding.refs)
        holding.refs = tuple(dict.fromkeys((*holding.refs, *refs)))
        if is_known and self._is_usable(holding):
            return
        # A dynamic engine makes new credentials for every question: there a failure is followed by a pause.
        must_read = source.engine is Engine.KV or (bool(holding.values) and not is_known)
        await self._upkeep.tend((holding,), must_read=must_read)
        if not self._is_usable(holding):
            raise Unavailable(DEPENDENCY, holding.trouble or f"{holding.name} was never read")

    def _is_usable(self, holding: Holding) -> bool:
        return self._clock.now_s() < holding.usable_until_s(self._max_stale_s)

    async def _force(self, holding: Holding) -> Unavailable | None:
        # A token is made anew of the lease that there is: that one was not what the provider refused.
        is_kept = holding.source.mint is not None and holding.lease is not None
        try:
            await self._upkeep.tend((holding,), must_read=not is_kept, must_mint=True)
        except Unavailable as trouble:
            return trouble
        return None

    def _pause_s(self) -> float:
        due_at_s = min((holding.due_at_s() for holding in self._held.values()), default=float("inf"))
        token = self._upkeep.token
        if token is not None:
            due_at_s = min(due_at_s, token.renew_at_s)
        return max(_LEAST_PAUSE_S, min(due_at_s - self._clock.now_s(), self._refresh_s))


def _grouped(refs: Iterable[CredentialRef]) -> dict[Source, tuple[CredentialRef, ...]]:
    grouped: dict[Source, tuple[CredentialRef, ...]] = {}
    for ref in dict.fromkeys(refs):
        grouped[ref.source] = (*grouped.get(ref.source, ()), ref)
    return grouped

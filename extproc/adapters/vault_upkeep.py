"""What keeps one holding fresh: read, renew, issue, mint; and what is told of it.

An outage of the vault is told once, however many sources it concerns, and a source's own trouble once for that source:
``vault_unavailable`` and ``vault_available``, ``credential_unavailable`` and ``credential_available``.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import structlog

from extproc.adapters.token_mint import MintRefused, TokenMint
from extproc.adapters.vault_answers import DEPENDENCY, pick, read_fields
from extproc.adapters.vault_holding import Holding
from extproc.adapters.vault_login import VaultAccount
from extproc.adapters.vault_session import Token, VaultOut, VaultSession, renew_after_s
from extproc.model.credentials import Engine
from extproc.model.refusals import Unavailable
from extproc.policy.ports import Clock

_STEP_DEADLINE_S = 15.0
"""For one question with its possible login: requests' own timeout is per read from the socket, not for the whole."""
_MINT_DOUBT_S = 300.0
"""How long a token endpoint may refuse a lease before we think that it is not just new there."""
_LONGEST_RETRY_S = 300.0
"""Between tries at a dynamic engine, where each may leave a lease behind."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class Upkeep:
    """Asks the vault and the token endpoints, each from a thread of its own. Use from one event loop."""

    def __init__(
        self,
        account: VaultAccount,
        clock: Clock,
        *,
        max_stale_s: float,
        refresh_s: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.out_since_s: float | None = None
        """Since when the vault does not answer; None: it does."""
        self._session = VaultSession(account, clock, jitter)
        self._mint = TokenMint(clock)
        self._clock = clock
        self._max_stale_s = max_stale_s
        self._refresh_s = refresh_s
        self._jitter = jitter
        # One thread each: a session is used by nobody else, and a slow token endpoint does not hold up the vault.
        self._vault_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vault")
        self._mint_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="token-mint")

    @property
    def token(self) -> Token | None:
        """Our login."""
        return self._session.token

    async def tend(self, holdings: Sequence[Holding], *, must_read: bool = False, must_mint: bool = False) -> None:
        """Do what is due for each; with ``must_…`` also what is not.

        Raises:
            Unavailable: at least one step failed; the reason names the first. All others were tried.
        """
        out: VaultOut | None = None
        first: Unavailable | None = None
        for holding in holdings:
            async with holding.turn:
                if must_read or self._is_read_due(holding):
                    if out is None:
                        holding.read_trouble = await self._read(holding, must_issue=must_read)
                    else:  # one wait for a vault that does not answer is enough
                        holding.read_trouble = self._put_off(holding, out)
                    out = holding.read_trouble if isinstance(holding.read_trouble, VaultOut) else None
                    first = first or holding.read_trouble
                # Also while the vault is out: a token can be made of what is remembered.
                if holding.is_mint_due(self._clock.now_s(), is_forced=must_mint):
                    holding.mint_trouble = await self._make_token(holding)
                    first = first or holding.mint_trouble
                self._tell(holding)
        if first is not None:
            raise first

    async def keep_login(self) -> None:
        """Renew our token, or log in again, if it is time; the next question tells if that did not work."""
        token = self._session.token
        if token is not None and self._clock.now_s() >= token.renew_at_s:
            await self._try(self._session.keep_login)

    async def give_back(self) -> None:
        """Revoke our login and everything that was leased under it. Only where no request can be using any of it."""
        await self._try(self._session.give_back)

    def close(self) -> None:
        """Let go of the threads and the connections."""
        for thread in (self._vault_thread, self._mint_thread):
            thread.shutdown(wait=False, cancel_futures=True)
        self._session.close()
        self._mint.close()

    def is_orphaned(self, holding: Holding) -> bool:
        """Whether its lease ends with an older login than ours."""
        return holding.lease is not None and holding.lease.id != "" and holding.token is not self._session.token

    def _is_read_due(self, holding: Holding) -> bool:
        is_new_orphan = self.is_orphaned(holding) and holding.read_trouble is None
        return is_new_orphan or holding.reading.is_due(self._clock.now_s())

    async def _read(self, holding: Holding, *, must_issue: bool) -> Unavailable | None:
        """The trouble it met."""
        is_lease = holding.source.engine is Engine.LEASE
        try:
            if must_issue or holding.must_issue or not await self._is_renewed(holding):
                await self._read_anew(holding)
        except VaultOut as trouble:
            if self.out_since_s is None:
                self.out_since_s = self._clock.now_s()
                _log.warning("vault_unavailable", reason=trouble.reason, max_stale_s=self._max_stale_s)
            return self._put_off(holding, trouble)
        except Unavailable as trouble:
            most_s = max(self._refresh_s, _LONGEST_RETRY_S) if is_lease else self._refresh_s
            holding.reading.failed(self._clock.now_s(), most_s, self._jitter)
            return trouble
        self._is_back()
        return None

    def _put_off(self, holding: Holding, trouble: VaultOut) -> VaultOut:
        holding.reading.failed(self._clock.now_s(), self._refresh_s, self._jitter)
        return trouble

    async def _is_renewed(self, holding: Holding) -> bool:
        lease, token = holding.lease, holding.token
        if lease is None or token is None or not lease.is_renewable:
            return False
        renewed = await self._ask(self._vault_thread, self._session.renew, lease, token, holding.name)
        return renewed is not None and holding.extend(*renewed, lease, self._jitter)

    async def _read_anew(self, holding: Holding) -> None:
        name = holding.name
        answer = await self._ask(self._vault_thread, self._session.read, holding.source, name)
        fields, lease = read_fields(holding.source, name, answer.document)
        values = {} if holding.source.mint is not None else pick(fields, holding.refs)
        again_s = self._refresh_s * (0.8 + 0.4 * self._jitter())
        wait_s = again_s if lease is None else renew_after_s(lease.life_s, self._jitter)
        is_first = not holding.fields
        if holding.take(answer, fields, lease, values, wait_s) and not is_first:
            _log.info("credential_changed", credential=name)

    async def _make_token(self, holding: Holding) -> Unavailable | None:
        """The trouble it met."""
        how, now_s = holding.source.mint, self._clock.now_s()
        if how is None:
            return None
        try:
            minted = await self._ask(self._mint_thread, self._mint.mint, how, holding.fields, holding.name)
        except Unavailable as trouble:
            holding.minting.failed(now_s, self._refresh_s, self._jitter)
            is_doubted = holding.lease is not None and now_s - holding.issued_at_s > _MINT_DOUBT_S
            if isinstance(trouble, MintRefused) and is_doubted and not holding.must_issue:
                holding.must_issue = True
                holding.reading.hurry()
            return trouble
        holding.take_token(minted.token, minted.life_s, minted.asked_at_s, self._jitter)
        return None

    async def _try(self, deed: Callable[[], object]) -> None:
        with contextlib.suppress(Unavailable):
            await self._ask(self._vault_thread, deed)

    async def _ask(
        self, thread: ThreadPoolExecutor, question: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_STEP_DEADLINE_S):
                return await loop.run_in_executor(thread, lambda: question(*args, **kwargs))
        except TimeoutError:
            kind = VaultOut if thread is self._vault_thread else Unavailable
            raise kind(DEPENDENCY, f"no answer in {_STEP_DEADLINE_S:g} s") from None

    def _is_back(self) -> None:
        if self.out_since_s is not None:
            self.out_since_s = None
            _log.info("vault_available")

    def _tell(self, holding: Holding) -> None:
        # An outage of the whole vault is told already, but does not end a trouble that was told before.
        told = [each for each in (holding.read_trouble, holding.mint_trouble) if not isinstance(each, VaultOut | None)]
        if told and not holding.is_told:
            left_s = max(0.0, holding.usable_until_s(self._max_stale_s) - self._clock.now_s())
            _log.warning("credential_unavailable", reason=told[0].reason, serves_for_s=round(left_s))
            holding.is_told = True
        elif holding.is_told and holding.read_trouble is None and holding.mint_trouble is None:
            _log.info("credential_available", credential=holding.name)
            holding.is_told = False

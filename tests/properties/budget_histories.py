"""Histories of exchanges and of what befalls Redis, beside a model that says what limits must be: I1 to I8, and I10.

An exchange reserves, is settled, becomes a row of the ledger, and the row is confirmed. Its worker may die between any
two of these steps: then its hold runs out, and the ledger's row is told to Redis by somebody else. Redis may lose any
key, everything, or its last moments; what was settled of late is told again then, as ``redis_replay`` does.

    World.play(operation)   one step, after which everything that must hold is checked
    World.end()             everything comes to rest: the counters are the ledger

Until Redis loses something, the model knows every counter exactly, so that no call can do more or less than it should.
docs/redis.md has the invariants, and which test holds which.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from extproc.adapters.redis_budgets import RedisBudgets
from extproc.model.ids import ExchangeId
from extproc.model.limits import (
    Bucket,
    Charge,
    Claim,
    Counter,
    Denied,
    LimitId,
    Rank,
    Reservation,
    Settlement,
    Unit,
)
from tests.properties.budget_checks import check_counters, check_denial, check_falls, contents, kept
from tests.properties.budget_model import (
    AT_A_TIME,
    LIMITS,
    ORGANISATIONS,
    REQUESTS,
    TOKENS,
    Exchange,
    Model,
    Step,
    bill,
)

_FAR_S = 4e9

Operation = tuple[object, ...]


@dataclass(slots=True, kw_only=True)
class World(Model):
    """One history, played on a real server."""

    budgets: RedisBudgets

    async def play(self, operation: Operation) -> None:
        before = {name: kept(self, name) for name in ORGANISATIONS}
        self.falls = 0
        is_loss = await self._do(operation)
        for organisation in ORGANISATIONS:
            after = kept(self, organisation)
            if not is_loss and not self.must_repair:
                check_falls(self, before[organisation], after)
            check_counters(self, organisation, after)

    async def _do(self, operation: Operation) -> bool:
        """Whether Redis lost something by it."""
        match operation:
            case "reserve", int(which), int(amount), int(percent):
                await self.reserve(ORGANISATIONS[which], amount, percent)
            case "turn", int(by):
                self.turn += by
            case ("rest",):
                await self.rest()
            case ("flush",):
                self.flush()
                return True
            case ("snapshot",):
                self.snapshot = {key: self.admin.dump(key) for key in self.admin.scan_iter(count=1000)}
            case ("rollback",):
                await self.rollback()
                return True
            case "evict", int(index):
                self.evict(index)
                return True
            case str(name), int(index) if self.exchanges:
                await self.touch(name, self.exchanges[index % len(self.exchanges)])
        return False

    # What exchanges do

    def claim(self, rid: str, organisation: str, amount: int, limits: Mapping[str, int] = LIMITS) -> Claim:
        windows = self.window()
        for parts in windows.values():
            self.parts[organisation] |= dict.fromkeys(parts)
        counters = tuple(
            Counter(name, windows[name], Unit.MICRO_USD, limit, name != "soft", amount, 0.0, _FAR_S, LimitId(name))
            for name, limit in limits.items()
        )
        buckets = (
            Bucket("key", LimitId("key"), None, TOKENS["key"], AT_A_TIME, tokens=amount),
            Bucket("all", LimitId("all"), REQUESTS, TOKENS["all"], None, tokens=amount),
        )
        return Claim(ExchangeId(rid), organisation, counters, buckets, 60.0)

    async def reserve(self, organisation: str, amount: int, percent: int) -> None:
        asked = self.claim(f"x{len(self.exchanges)}", organisation, amount)
        before = contents(self, organisation)
        match await self.budgets.reserve(lambda _: asked):
            case Reservation():
                parts = tuple(counter.parts[-1] for counter in asked.counters)
                self.exchanges.append(Exchange(asked.reservation, organisation, asked, amount * percent // 100, parts))
                self.take(organisation, amount)
                self.asked[organisation] = self.asked.get(organisation, 0) + 1
            case Denied() as denied:
                check_denial(self, organisation, asked, denied)
                if not self.is_faulty:
                    # I4: nothing of it anywhere.
                    assert contents(self, organisation) == before

    async def touch(self, name: str, exchange: Exchange) -> None:
        match name, exchange.step:
            case "again", Step.GONE if not exchange.told:
                await self.twice(lambda: self.budgets.void(exchange.organisation, exchange.id))
            case _, Step.GONE:
                pass
            case "advance", _:
                await self.advance(exchange)
            case "again", _:
                await self.again(exchange)
            case (("die" | "die untold"), _):
                await self.die(exchange, is_written=name == "die untold")
            case "adjust", Step.WRITTEN | Step.CONFIRMED:
                await self.adjust(exchange)
            case _, Step.RESERVED:
                await self.divert(name, exchange)

    async def advance(self, exchange: Exchange) -> None:
        """The next step of an exchange that goes well."""
        match exchange.step:
            case Step.RESERVED | Step.ESTIMATED:
                await self.settle(exchange, exchange.amount)
                exchange.step = Step.SETTLED
            case Step.SETTLED:
                self.write(exchange)
                exchange.step = Step.WRITTEN
            case Step.WRITTEN:
                await self.settle(exchange, exchange.amount)
                exchange.step = Step.CONFIRMED

    async def divert(self, name: str, exchange: Exchange) -> None:
        """Another end than delivery's, or none yet."""
        match name:
            case "estimate":
                await self.settle(exchange, exchange.held, Rank.JOURNAL)
                exchange.step = Step.ESTIMATED
            case "void":
                await self.budgets.void(exchange.organisation, exchange.id)
                self.give_back(exchange, 0)
                exchange.step = Step.GONE
            case "beat":
                await self.beat(exchange)

    async def settle(self, exchange: Exchange, amount: int, rank: Rank = Rank.DELIVERY) -> None:
        # I7: only a correction takes anything back, and as much as it says.
        self.falls = max(0, exchange.told - amount)
        self.overdrawn += max(0, amount - exchange.told - exchange.held * exchange.is_held)
        await self.budgets.settle(bill(exchange, amount, rank))
        exchange.told = amount
        self.give_back(exchange, amount)

    def write(self, exchange: Exchange) -> None:
        self.books.rows[exchange.organisation][exchange.id] = (exchange.amount, exchange.parts)

    async def beat(self, exchange: Exchange) -> None:
        """It takes long, and its hold is about to run out: whoever is told so in time keeps it."""
        self.run_out(exchange.organisation, exchange.id)
        extended = await self.budgets.extend(exchange.organisation, [exchange.id], 60.0)
        assert self.is_faulty or extended == exchange.is_held
        await self.budgets.tidy(exchange.organisation)

    async def adjust(self, exchange: Exchange) -> None:
        """Half of it is taken back, by a row of its own."""
        rid = ExchangeId(f"adjusts-{exchange.id}")
        if rid in self.books.rows[exchange.organisation]:
            return
        amount = -(exchange.amount // 2)
        self.books.rows[exchange.organisation][rid] = (amount, exchange.parts)
        self.falls = -amount
        charges = tuple(Charge(part, amount) for part in exchange.parts)
        told = Settlement(rid, exchange.organisation, charges, (), 0, Rank.DELIVERY)
        await self.budgets.settle(told)
        await self.twice(lambda: self.budgets.settle(told))

    async def again(self, exchange: Exchange) -> None:
        match exchange.step:
            case Step.RESERVED if exchange.is_held and not self.is_faulty:
                await self.twice(lambda: self.budgets.reserve(lambda _: exchange.claim))
            case Step.ESTIMATED:
                await self.twice(lambda: self.budgets.settle(bill(exchange, exchange.held, Rank.JOURNAL)))
            case Step.SETTLED | Step.WRITTEN | Step.CONFIRMED:
                await self.twice(lambda: self.budgets.settle(bill(exchange, exchange.amount, Rank.DELIVERY)))
                if not self.is_faulty:
                    # The journal comes late, and is outranked.
                    before = contents(self, exchange.organisation)
                    await self.budgets.settle(bill(exchange, exchange.held, Rank.JOURNAL))
                    await self.budgets.void(exchange.organisation, exchange.id)
                    assert contents(self, exchange.organisation) == before

    async def twice(self, call: Callable[[], Awaitable[object]]) -> None:
        """I3: once more, and twice at once, is as good as once."""
        await call()
        before = [contents(self, name) for name in ORGANISATIONS]
        await asyncio.gather(call(), call())
        assert [contents(self, name) for name in ORGANISATIONS] == before

    async def die(self, exchange: Exchange, *, is_written: bool) -> None:
        """Its worker is gone: the hold runs out, and the row is told to Redis by somebody else.

        Rows are safe before Redis hears of them. Of what no delivery settled, the journal makes a row of all that was
        held.
        """
        self.run_out(exchange.organisation, exchange.id)
        await self.budgets.tidy(exchange.organisation)
        exchange.is_held = False
        if exchange.step < Step.SETTLED and not is_written:
            exchange.amount = exchange.held
        if exchange.step < Step.WRITTEN:
            self.write(exchange)
        if exchange.step < Step.CONFIRMED:
            await self.settle(exchange, exchange.amount)
        exchange.step = Step.GONE

    # What befalls Redis

    def flush(self) -> None:
        self.is_faulty = True
        self.admin.flushall()

    async def rollback(self) -> None:
        """Its last moments are lost. Rows, and what live workers have settled, are told again."""
        if self.snapshot is None:
            return
        self.is_faulty = True
        self.admin.flushall()
        for key, value in self.snapshot.items():
            self.admin.restore(key, 0, value)
        await self.tell_again()

    def evict(self, index: int) -> None:
        """Any single key."""
        keys = sorted(self.admin.scan_iter(count=1000))
        if not keys:
            return
        self.is_faulty = True
        key = keys[index % len(keys)]
        self.must_repair |= key.partition(b"}:")[2][:2] in {b"d:", b"f:"}
        self.admin.delete(key)

    async def tell_again(self) -> None:
        for organisation, rows in self.books.rows.items():
            for rid, (amount, parts) in list(rows.items()):
                charges = tuple(Charge(part, amount) for part in parts)
                await self.budgets.settle(Settlement(rid, organisation, charges, (), 0, Rank.DELIVERY))
        for exchange in self.exchanges:
            if exchange.step in {Step.ESTIMATED, Step.SETTLED}:
                rank = Rank.JOURNAL if exchange.step is Step.ESTIMATED else Rank.DELIVERY
                await self.budgets.settle(bill(exchange, exchange.told, rank))

    # Rest

    def run_out(self, organisation: str, *rids: ExchangeId) -> None:
        """Time passes, and nobody said a word of these; of none, where none is named."""
        for name in ("x", "n:key"):
            key = f"b:{{{organisation}}}:{name}"
            due = [rid for rid in (rids or self.admin.zrange(key, 0, -1)) if self.admin.zscore(key, rid) is not None]
            if due:
                self.admin.zadd(key, dict.fromkeys(due, 1), xx=True)

    async def rest(self) -> None:
        """I10: when the time of every hold is over, what fits is granted; whatever Redis has lost or kept too long."""
        for organisation in ORGANISATIONS:
            # A hold that lost its deadline gets a new one first.
            for _ in range(2):
                await self.budgets.tidy(organisation)
                self.run_out(organisation)
            while await self.budgets.tidy(organisation):
                pass
            for exchange in self.exchanges:
                exchange.is_held &= exchange.organisation != organisation
            if self.must_repair:
                continue
            used = {name: sum(self.used(organisation, part) for part in parts) for name, parts in self.window().items()}
            asked = self.claim(f"fits-{organisation}", organisation, 7, {name: n + 7 for name, n in used.items()})
            alone = Bucket("key", LimitId("key"), None, None, 1, tokens=0)
            fits = Claim(asked.reservation, organisation, asked.counters, (alone,), 60.0)
            assert isinstance(await self.budgets.reserve(lambda _, fits=fits: fits), Reservation)
            await self.budgets.void(organisation, fits.reservation)
            self.admin.delete(f"b:{{{organisation}}}:d:{fits.reservation}")

    async def end(self) -> None:
        """Everything is settled, written and confirmed, and told once more; then nothing is under way."""
        for exchange in self.exchanges:
            while exchange.step < Step.CONFIRMED:
                await self.advance(exchange)
        await self.tell_again()
        await self.rest()
        for organisation in ORGANISATIONS:
            # Whatever is cold is loaded by who asks.
            parts = list(self.parts[organisation])
            charges = tuple(Charge(part, 0) for part in parts)
            await self.budgets.settle(Settlement(ExchangeId("last"), organisation, charges, (), 0, Rank.DELIVERY))
            if self.must_repair:
                for part in parts:
                    await self.budgets.recount(organisation, part, self.books.total(organisation, part))
            # I2, I6 and I8: at every part of every window.
            expected = [(self.books.total(organisation, part), 0) for part in parts]
            assert await self.budgets.show(organisation, parts) == expected
            assert set(self.admin.hkeys(f"b:{{{organisation}}}:p")) <= {b"#"}
            assert not self.admin.zcard(f"b:{{{organisation}}}:x")
            if not self.is_faulty:
                assert not self.admin.zcard(f"b:{{{organisation}}}:n:key")

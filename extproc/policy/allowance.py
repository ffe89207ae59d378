"""What a worker may let pass while limits cannot be asked: so much money and so many requests in one outage.

An outage ends when a reservation is answered again. What was let pass is owed: its rows are in the ledger, and the
counters are charged from there.
"""

from dataclasses import dataclass

from extproc.model.limits import Claim, Outage, Unit


@dataclass(slots=True)
class _Spent:
    micro_usd: int = 0
    requests: int = 0


class Allowances:
    """One worker's, for every organisation. Not shared: with N workers, N times as much may pass."""

    def __init__(self) -> None:
        self._spent: dict[str, _Spent] = {}

    def take(self, claim: Claim, outage: Outage) -> bool:
        """Whether this one may pass; counted if so."""
        if not outage.is_open:
            return False
        spent = self._spent.setdefault(claim.organisation, _Spent())
        # One request is held at several levels of money; it is spent once.
        amount = max((each.amount for each in claim.counters if each.unit is Unit.MICRO_USD), default=0)
        if spent.requests + 1 > outage.allowance_requests or spent.micro_usd + amount > outage.allowance_micro_usd:
            return False
        spent.requests += 1
        spent.micro_usd += amount
        return True

    @property
    def owed(self) -> tuple[int, int]:
        """Micro-USD, as estimated, and requests that were let pass in outages that are not known to be over."""
        spent = list(self._spent.values())
        return sum(each.micro_usd for each in spent), sum(each.requests for each in spent)

    def restore(self, organisation: str) -> None:
        """Its limits were asked and answered: the next outage begins anew."""
        self._spent.pop(organisation, None)

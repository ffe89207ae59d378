"""Money that Finance learns of elsewhere: credits, invoices that differ, charges by hand.

The ledger's rows are what exchanges used and never change; these stand beside them, each signed, with an id, a reason
and an approval. ``operations.adjust`` makes them, ``operations.reports`` adds them up.
"""

from dataclasses import dataclass

from extproc.model.money import MicroUsd


@dataclass(frozen=True, slots=True)
class SpendAdjustment:
    """One of them. It never changes: another one takes it back."""

    id: str
    """``adj_`` and 4 to 56 letters, digits or dashes."""
    at_s: float
    """UTC seconds: of which time's spend it is."""
    organisation: str
    micro_usd: MicroUsd
    """Signed, and not 0: below 0 less was spent."""
    reason: str
    actor: str
    approval: str
    team: str = ""
    """Empty, as what follows: it is not of one."""
    project: str = ""
    key: str = ""
    model: str = ""
    deployment: str = ""
    parts: tuple[str, ...] = ()
    """Counters of budgets in money that are charged as well."""


class AdjustmentProblem(ValueError):  # noqa: N818 - reads as a claim
    """It cannot be made; the message says why."""

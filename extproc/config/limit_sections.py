"""The shape of ``budgets``, ``rates`` and ``tenants`` in ``gateway.yaml``. Part of ``schema``; ``limits`` checks them.

An amount of money is a decimal number, never a float that was rounded: below a thousand million with up to six
decimals, whatever YAML reads it as is the number that was written.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_SLUG = r"^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$"

Place = Annotated[str, Field(pattern=_SLUG, description="2-32 of a-z, 0-9 and inner '-', quoted if it is a number")]
LimitName = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$",
        description="up to 63 of a-z, 0-9, '.', '_' and '-', quoted if it is a number; it keeps its count by this name",
    ),
]
Usd = Annotated[
    Decimal,
    Field(
        strict=False,
        ge=0,
        lt=1_000_000_000,
        decimal_places=6,
        allow_inf_nan=False,
        description="USD with up to six decimals, such as 2500 or 0.25",
    ),
]
Count = Annotated[int, Field(ge=1, le=1_000_000_000, description="a whole number, from 1")]
TokenCount = Annotated[int, Field(ge=1, le=1_000_000_000_000, description="a number of tokens, from 1")]
Share = Annotated[
    Decimal,
    Field(strict=False, gt=0, le=10, decimal_places=2, allow_inf_nan=False, description="a share, such as 0.8"),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ScopeSection(_Section):
    """Whom a limit is for."""

    organisation: Place
    team: Annotated[Place | None, Field(description="a team, or null for all")] = None
    project: Annotated[Place | None, Field(description="a project of the team, or null for all")] = None
    key: Annotated[
        str | None, Field(pattern=r"^key_[0-9A-Za-z]{22}$", description="the id of a key (key_…), or null for all")
    ] = None
    model: Annotated[str | None, Field(description="the name of a model, or null for all")] = None
    each: Annotated[
        Literal["team", "project", "key", "user"] | None,
        Field(description="one of team, project, key, user: each has a count of its own"),
    ] = None


class BudgetSection(_Section):
    """So much money, or so many tokens, in a window."""

    id: LimitName
    scope: ScopeSection
    amount_usd: Annotated[Usd | None, Field(description="USD with up to six decimals, such as 2500 or 0.25")] = None
    tokens: Annotated[
        int | None, Field(ge=0, le=1_000_000_000_000_000, description="a number of tokens, such as 1000000")
    ] = None
    window: Annotated[
        str,
        Field(
            pattern=r"^(day|month|[1-9][0-9]{0,5}[mhd])$",
            description="day, month, or a rolling time in whole minutes, such as 30m, 24h or 7d",
        ),
    ]
    time_zone: Annotated[
        str | None, Field(max_length=100, description="an IANA name, such as Europe/London; without it: UTC")
    ] = None
    hard: Annotated[bool, Field(description="true: refused beyond it; false: only told")] = True
    alert_at: Annotated[list[Share], Field(max_length=16, description="a list of shares, such as [0.8, 1.0]")] = [
        Decimal("0.8"),
        Decimal(1),
    ]


class RateSection(_Section):
    """So much in a minute, or at a time."""

    id: LimitName
    scope: ScopeSection
    requests_per_minute: Annotated[Count | None, Field(description="a number of requests, from 1")] = None
    tokens_per_minute: Annotated[TokenCount | None, Field(description="a number of tokens, from 1")] = None
    concurrent: Annotated[Count | None, Field(description="requests at a time, from 1")] = None


class TenantSection(_Section):
    """What an organisation is promised while its limits cannot be asked."""

    organisation: Place
    when_limits_unavailable: Annotated[
        Literal["closed", "open"], Field(description="closed: refuse; open: serve within the allowance")
    ] = "closed"
    allowance_usd: Annotated[
        Usd | None, Field(description="USD that each worker may let pass in one outage, such as 5")
    ] = None
    allowance_requests: Annotated[
        Count | None, Field(description="requests that each worker may let pass in one outage")
    ] = None


class LimitLists(_Section):
    """The three lists by themselves, for who declares one limit without a file."""

    budgets: list[BudgetSection] = []
    rates: list[RateSection] = []
    tenants: list[TenantSection] = []

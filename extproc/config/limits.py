"""What ``budgets``, ``rates`` and ``tenants`` of ``gateway.yaml`` must agree on, and what they compile to.

    check_limits(document, root)    reports what is wrong between their keys, whatever the tree's shape
    compile_limits(sections)        → the limits, for ``extproc apply``
    compile_outages(sections)       → by organisation, what holds while limits cannot be asked
    read_declared(kind, id, entry)  → one limit that was declared without a file, judged by the same rules

The file declares; what is enforced is what was applied to Postgres, see ``operations.limits``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from extproc.config.complaints import complain
from extproc.config.document import Document, Location, Tree
from extproc.config.limit_sections import BudgetSection, LimitLists, RateSection, TenantSection
from extproc.config.problems import GatewayInvalid
from extproc.config.routing import Section, entries
from extproc.model.limit_definition import read_limit, read_usd
from extproc.model.limits import Limit, Outage

_RATES = ("requests_per_minute", "tokens_per_minute", "concurrent")
_LEVELS = {"team": 1, "project": 2, "key": 3}
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST_S = 31 * 86_400


def check_limits(document: Document, root: Section, models: frozenset[str] | None = None) -> None:
    """Report everything that is wrong between the keys of the three lists.

    Args:
        document: where problems are told.
        root: its tree.
        models: those a scope may name; None: whatever it likes.
    """
    budgets, rates = list(entries(root, "budgets")), list(entries(root, "rates"))
    _check_unique(document, [*budgets, *rates], "id")
    for location, limit in [*budgets, *rates]:
        scope = limit.get("scope")
        if isinstance(scope, dict):
            _check_scope(document, (*location, "scope"), scope, models)
    for location, budget in budgets:
        _check_amount(document, location, budget)
        _check_window(document, location, budget)
    for location, rate in rates:
        if all(rate.get(name) is None for name in _RATES):
            document.report(location, "it limits nothing", f"Add at least one of {', '.join(_RATES)}.")
    tenants = list(entries(root, "tenants"))
    _check_unique(document, tenants, "organisation")
    for location, tenant in tenants:
        _check_allowance(document, location, tenant)


def compile_limits(budgets: list[BudgetSection], rates: list[RateSection]) -> tuple[Limit, ...]:
    """The limits, in the order of the file. Total for what passed the checks."""
    declared: list[BudgetSection | RateSection] = [*budgets, *rates]
    return tuple(read_limit(each.id, each.model_dump(exclude={"id"}, exclude_none=True)) for each in declared)


def compile_outages(tenants: list[TenantSection]) -> Mapping[str, Outage]:
    """By organisation; one that is not named is refused while its limits cannot be asked."""
    return MappingProxyType({each.organisation: _outage(each) for each in tenants})


def read_declared(kind: str, identity: str, entry: Mapping[str, Tree]) -> Limit:
    """One limit from an entry as it would stand in the list ``kind``, ``budgets`` or ``rates``.

    Raises:
        GatewayInvalid: with every problem; its paths begin at the entry.
    """
    document = Document(tree={kind: [{"id": identity, **entry}]})
    sections = complain(LimitLists, document)
    check_limits(document, {kind: [{"id": identity, **entry}]})
    if document.problems or sections is None:
        raise GatewayInvalid(identity, tuple(document.problems))
    return compile_limits(sections.budgets, sections.rates)[0]


def _outage(tenant: TenantSection) -> Outage:
    if tenant.when_limits_unavailable == "closed":
        return Outage()
    return Outage(
        is_open=True,
        allowance_micro_usd=read_usd(tenant.allowance_usd or 0),
        allowance_requests=tenant.allowance_requests or 0,
    )


def _check_unique(document: Document, found: list[tuple[Location, Section]], key: str) -> None:
    first: dict[str, Location] = {}
    for location, entry in found:
        name = entry.get(key)
        if not isinstance(name, str):
            continue
        if name in first:
            line = document.line_of(first[name])
            where = "" if line is None else f" on line {line}"
            document.report((*location, key), f"{name!r} is already taken{where}", "Keep one of the two.")
        first.setdefault(name, (*location, key))


def _check_scope(document: Document, place: Location, scope: Section, models: frozenset[str] | None) -> None:
    named = [level for level in _LEVELS if scope.get(level) is not None]
    if scope.get("project") is not None and scope.get("team") is None:
        fix = "Add the project's team: two teams may have projects of one name."
        document.report((*place, "project"), "a project is one of a team", fix)
    each = scope.get("each")
    if isinstance(each, str) and any(_LEVELS[level] >= _LEVELS.get(each, len(_LEVELS) + 1) for level in named):
        fix = f"Remove each, or remove {' and '.join(level for level in named if _LEVELS[level] >= _LEVELS[each])}."
        document.report((*place, "each"), f"the scope has only one {each} to count", fix)
    model = scope.get("model")
    if models is not None and isinstance(model, str) and model not in models:
        document.report((*place, "model"), f"there is no model {model!r}", "Add it to models, or correct the name.")


def _check_amount(document: Document, location: Location, budget: Section) -> None:
    given = [name for name in ("amount_usd", "tokens") if budget.get(name) is not None]
    if len(given) != 1:
        what = "has both amount_usd and tokens" if given else "has no amount"
        document.report(location, what, "Write exactly one of amount_usd and tokens.")


def _check_window(document: Document, location: Location, budget: Section) -> None:
    window, zone = budget.get("window"), budget.get("time_zone")
    is_rolling = isinstance(window, str) and window[:-1].isascii() and window[:-1].isdigit() and window[-1:] in _UNIT_S
    if is_rolling and isinstance(window, str) and int(window[:-1][:9]) * _UNIT_S[window[-1]] > _LONGEST_S:
        place = (*location, "window")
        document.report(place, f"{window!r} is longer than 31 days", "Write up to 31d, or month.")
    if not isinstance(zone, str):
        return
    place = (*location, "time_zone")
    if is_rolling:
        document.report(place, "a rolling window begins at no hour of a time zone", "Remove it.")
    elif not _is_time_zone(zone):
        fix = "Write an IANA name, such as Europe/London or America/New_York."
        document.report(place, f"there is no time zone {zone[:100]!r}", fix)


def _check_allowance(document: Document, location: Location, tenant: Section) -> None:
    policy = tenant.get("when_limits_unavailable", "closed")
    for name in ("allowance_usd", "allowance_requests"):
        is_given = tenant.get(name) is not None
        if policy == "open" and not is_given:
            document.report((*location, name), "is required for open", "Add it: what each worker may let pass.")
        if policy == "closed" and is_given:
            fix = "Remove it, or write when_limits_unavailable: open."
            document.report((*location, name), "nothing passes while it is closed", fix)


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # Also a directory of zones, and a path out of their directory.
        return False
    return True

"""How limits are printed: a plan as Terraform prints one, and a table with bars of what is used."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.model.keys import AdminEntry
from extproc.model.limit_definition import write_limit, write_usd
from extproc.model.limit_records import Source, StoredLimit
from extproc.model.limits import Budget, Limit, LimitId, Rate, Scope, Span, Unit
from extproc.operations.limit_use import Use
from extproc.operations.limits import Difference, Edit, Plan

_BAR_CHARS = 20
_WARN_PERCENT = 80
_FULL_PERCENT = 100


def print_plan(plan: Plan) -> None:
    """What would be added, changed and removed, each with what it is now and what it would be."""
    console = _console()
    for sign, style, edits in (("+", "green", plan.added), ("~", "yellow", plan.changed), ("-", "red", plan.removed)):
        for edit in edits:
            _print_edit(console, sign, style, edit)
    for stored in plan.unmanaged:
        console.print(Text(f"  = {stored.limit.id}  set by hand, in no file: it stays", style="dim"))
    if not plan.edits:
        console.print("No changes: what is in force is what the file declares.")
        return
    counts = f"{len(plan.added)} to add, {len(plan.changed)} to change, {len(plan.removed)} to remove"
    console.print(Text(f"\nPlan: {counts}.", style="bold"))


def plan_as_json(plan: Plan) -> dict[str, object]:
    """A plan for scripts."""
    return {
        "base": plan.base,
        "add": [_edit_as_json(edit) for edit in plan.added],
        "change": [_edit_as_json(edit) for edit in plan.changed],
        "remove": [_edit_as_json(edit) for edit in plan.removed],
        "unmanaged": [stored.limit.id for stored in plan.unmanaged],
    }


def print_limits(limits: Sequence[StoredLimit], uses: Mapping[LimitId, Use]) -> None:
    """One row each."""
    if not limits:
        _console().print(
            "No limits. Declare them in gateway.yaml and run extproc apply, or: extproc budgets set --help"
        )
        return
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("id", no_wrap=True)
    for column in ("for", "limit", "used", "from"):
        table.add_column(column, overflow="fold")
    for stored in limits:
        limit = stored.limit
        table.add_row(
            Text(limit.id),
            Text(describe_scope(limit.scope)),
            Text(describe_limit(limit)),
            _describe_use(limit, uses.get(limit.id)),
            stored.source.value,
        )
    Console().print(table)


def print_limit(stored: StoredLimit, use: Use | None, history: Sequence[AdminEntry]) -> None:
    """One limit, its use, and everything that was done to it."""
    console = _console()
    console.print(Text(stored.limit.id, style="bold"))
    console.print(Text(f"  for    {describe_scope(stored.limit.scope)}"))
    console.print(Text(f"  limit  {describe_limit(stored.limit)}"))
    if isinstance(stored.limit, Budget):
        console.print(Text("  used   ").append_text(_describe_use(stored.limit, use)))
    whence = "gateway.yaml" if stored.source is Source.FILE else "set by hand"
    console.print(Text(f"  from   {whence}, since {_when(stored.changed_at_s)}"))
    table = Table("at", "actor", "action", "approval", title="What was done to it")
    for column in table.columns:
        column.overflow = "fold"
    for row in history:
        table.add_row(*map(Text, (_when(row.at_s), row.deed.actor, row.action, row.deed.approval)))
    Console().print(table)


def limit_as_json(stored: StoredLimit, use: Use | None) -> dict[str, object]:
    """One limit for scripts: its definition in the words of the file, and its use in the same unit."""
    return {
        "id": stored.limit.id,
        **write_limit(stored.limit),
        "source": stored.source.value,
        "version": stored.version,
        "changed_at": _when(stored.changed_at_s),
        "use": None if use is None else _use_as_json(stored.limit, use),
    }


def history_as_json(history: Sequence[AdminEntry]) -> list[dict[str, object]]:
    """The rows of the admin log for scripts."""
    return [
        {
            "seq": row.seq,
            "at": _when(row.at_s),
            "actor": row.deed.actor,
            "action": row.action,
            "approval": row.deed.approval,
            "detail": dict(row.detail),
        }
        for row in history
    ]


def describe_scope(scope: Scope) -> str:
    """Whom it is for: ``acme/search, each key, model m``."""
    place = "/".join(name for name in (scope.organisation, scope.team, scope.project) if name is not None)
    further = (
        None if scope.key is None else scope.key,
        None if scope.each is None else f"each {scope.each.value}",
        None if scope.model is None else f"model {scope.model}",
    )
    return ", ".join([place, *(each for each in further if each is not None)])


def describe_limit(limit: Limit) -> str:
    """How much: ``2500 USD a month (Europe/London), hard``."""
    if isinstance(limit, Rate):
        parts = (
            (limit.requests_per_minute, "requests/min"),
            (limit.tokens_per_minute, "tokens/min"),
            (limit.concurrent, "at a time"),
        )
        return ", ".join(f"{count:,} {unit}" for count, unit in parts if count is not None)
    window = limit.window
    span = f"in any {write_limit(limit)['window']}" if window.span is Span.ROLLING else f"a {window.span.value}"
    zone = "" if window.span is Span.ROLLING else f" ({window.time_zone})"
    return f"{_amount(limit, limit.amount)} {span}{zone}, {'hard' if limit.is_hard else 'soft'}"


def bar(percent: float, held_percent: float) -> str:
    """How full it is: used, held by requests on their way, free."""
    used = min(_BAR_CHARS, round(percent * _BAR_CHARS / _FULL_PERCENT))
    held = min(_BAR_CHARS - used, round(held_percent * _BAR_CHARS / _FULL_PERCENT))
    return "█" * used + "▒" * held + "░" * (_BAR_CHARS - used - held)


def _describe_use(limit: Limit, use: Use | None) -> Text:
    if not isinstance(limit, Budget):
        return Text("-")
    if use is None:
        return Text("counted apart" if limit.scope.each is not None else "not asked for in this window", style="dim")
    percent, held_percent = (_percent(amount, limit.amount) for amount in (use.used, use.held))
    style = "red" if percent >= _FULL_PERCENT else "yellow" if percent >= _WARN_PERCENT else "green"
    more = "" if use.is_whole else "at least "
    figures = f" {more}{percent:.0f} % ({_amount(limit, use.used)}), resets {_when(use.resets_at_s)}"
    return Text(bar(percent, held_percent), style=style).append(figures, style="default")


def _percent(amount: int, of: int) -> float:
    if of:
        return amount * 100 / of
    return float(_FULL_PERCENT)


def _print_edit(console: Console, sign: str, style: str, edit: Edit) -> None:
    limit = edit.change.limit or (edit.before.limit if edit.before is not None else None)
    about = "" if limit is None else f"{describe_limit(limit)} for {describe_scope(limit.scope)}"
    console.print(Text(f"  {sign} {edit.change.id}", style=style).append(f"  {about}", style="default"))
    if sign == "~":
        for each in edit.differences:
            console.print(Text(f"      {each.name}: {_show(each.before)} → {_show(each.after)}"))
        if edit.before is not None and edit.before.source is not edit.change.source:
            console.print(Text(f"      set by hand until now → declared in the {edit.change.source.value}"))
        if edit.begins_anew:
            console.print(Text("      what was used until now does not count any more", style="yellow"))


def _show(value: object) -> str:
    if value is None:
        return "-"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _edit_as_json(edit: Edit) -> dict[str, object]:
    return {
        "id": edit.change.id,
        "differences": [_difference_as_json(each) for each in edit.differences],
        "begins_anew": edit.begins_anew,
    }


def _difference_as_json(difference: Difference) -> dict[str, object]:
    return {"name": difference.name, "before": difference.before, "after": difference.after}


def _use_as_json(limit: Limit, use: Use) -> dict[str, object]:
    is_money = isinstance(limit, Budget) and limit.unit is Unit.MICRO_USD
    amounts = {"used": use.used, "held": use.held}
    return {
        **({f"{name}_usd": write_usd(each) for name, each in amounts.items()} if is_money else amounts),
        "is_whole": use.is_whole,
        "resets_at": _when(use.resets_at_s),
    }


def _amount(budget: Budget, amount: int) -> str:
    return f"{write_usd(amount)} USD" if budget.unit is Unit.MICRO_USD else f"{amount:,} tokens"


def _when(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)

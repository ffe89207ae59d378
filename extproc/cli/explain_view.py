"""How ``extproc explain`` prints an explanation: a table for people, JSON for scripts."""

import json

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.exchange.events import Reply
from extproc.exchange.explanation import Decision, Explanation


def print_table(explanation: Explanation, assumed: tuple[str, ...]) -> None:
    """One row a decision, the facts below its reason, and the verdict at the end."""
    console = Console(highlight=False)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("", width=2)
    table.add_column("decision", no_wrap=True)
    table.add_column("why", overflow="fold")
    for decision in explanation.decisions:
        mark = Text("✓", style="green") if decision.is_passed else Text("✗", style="bold red")
        table.add_row(mark, Text(decision.step), _why(decision))
    console.print(table)
    console.print()
    console.print(_verdict(explanation))
    if explanation.reply is not None:
        _print_reply(console, explanation.reply)
    for each in assumed:
        console.print(Text(f"assumed: {each}", style="dim"))


def print_json(explanation: Explanation, assumed: tuple[str, ...]) -> None:
    """The same as one object."""
    reply = explanation.reply
    value = {
        "verdict": verdict(explanation),
        "decisions": [
            {"step": each.step, "passed": each.is_passed, "reason": each.reason, "facts": dict(each.facts)}
            for each in explanation.decisions
        ],
        "reply": None if reply is None else _reply_object(reply),
        "assumed": list(assumed),
    }
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def verdict(explanation: Explanation) -> str:
    """``go``, ``answer`` (by the gateway itself) or ``refuse``."""
    if explanation.is_refused:
        return "refuse"
    return "go" if explanation.reply is None else "answer"


def _why(decision: Decision) -> Text:
    text = Text(decision.reason, style="" if decision.is_passed else "bold")
    for name, value in decision.facts:
        text.append(f"\n{name}: ", style="dim")
        text.append(value)
    return text


def _verdict(explanation: Explanation) -> Text:
    reply = explanation.reply
    match verdict(explanation):
        case "go":
            return Text("It goes.", style="bold green")
        case "answer" if reply is not None:
            return Text(f"The gateway answers it: {reply.status}.", style="bold green")
        case _:
            status = "" if reply is None else f": {reply.status} {reply.reason}"
            return Text(f"Refused{status}. Nothing goes to a provider.", style="bold red")


def _print_reply(console: Console, reply: Reply) -> None:
    for name, value in reply.headers:
        console.print(Text(f"{name}: {value}", style="dim"))
    console.print(Text(reply.body.decode()), soft_wrap=True)


def _reply_object(reply: Reply) -> dict[str, object]:
    return {
        "status": reply.status,
        "code": reply.reason,
        "headers": dict(reply.headers),
        "body": reply.body.decode(),
    }

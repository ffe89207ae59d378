"""What docs/ledger.md says is what the code has."""

import re
from pathlib import Path

from extproc.adapters.postgres_ledger import PostgresLedger
from extproc.cli.ledger import command
from extproc.operations.ledger import FEWEST_MONTHS, HEARD_OF_S, TOLD_AGAIN_S
from extproc.operations.ledger_match import COLUMNS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/ledger.md").read_text()


def test_every_columns_default_is_in_the_table() -> None:
    rows = re.findall(r"^\| `([a-z_]+)`(?: \(optional\))? \| (.+) \| (.+) \| (.+) \|$", TEXT, re.MULTILINE)
    told = {row[0]: [cell.replace("`", "").replace(" + ", "+") for cell in row[1:]] for row in rows}
    assert told == {
        name: [COLUMNS[dialect][name] for dialect in ("openai", "anthropic", "bedrock")] for name in COLUMNS["openai"]
    }


def test_every_log_event_is_listed_and_every_listed_one_is_logged() -> None:
    source = (ROOT / "extproc/adapters/postgres_ledger.py").read_text()
    listed = set(re.findall(r"`(ledger_[a-z_]+)`", TEXT.partition("Log events:")[2].partition("\n\n")[0]))
    assert listed == set(re.findall(r'_log\.\w+\(\s*"(ledger_[a-z_]+)"', source))


def test_commands_options_and_figures_are_those_of_the_code() -> None:
    for name, subcommand in command.commands.items():  # type: ignore[attr-defined]
        assert f"extproc ledger {name}" in TEXT
        shown = re.search(rf"^    extproc ledger {name}.*$", TEXT, re.MULTILINE)
        assert shown is not None
        options = {option for parameter in subcommand.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", shown[0])) <= options
    assert f"At least {FEWEST_MONTHS} months stay" in TEXT
    assert f"more than {HEARD_OF_S:.0f} s" in TEXT
    assert TOLD_AGAIN_S == 1800  # "the last half hour"
    defaults = PostgresLedger.__init__.__kwdefaults__
    assert (defaults["every_s"], defaults["patience_s"], defaults["most_queued"]) == (0.05, 0.05, 10_000)

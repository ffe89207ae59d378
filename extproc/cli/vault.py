"""``extproc vault check``: what each deployment's credential resolves to, how old it is and how long it lasts.

Two views side by side: one of our own, made now with a login of our own that is given back with all it leased, and that
of the workers, who say every few seconds what they hold. ``vault_view`` prints them. A value is in neither.
"""

import asyncio
import contextlib
import sys
import time
from pathlib import Path

import click

from extproc import bootstrap_vault
from extproc.cli import vault_view
from extproc.cli.check import show_problems
from extproc.cli.environment import find_environment, state_dir_option
from extproc.cli.vault_view import Findings
from extproc.config.environment import EnvironmentInvalid
from extproc.config.gateway import GatewayInvalid, load
from extproc.operations.vault_state import read_states

OK, NOT_WELL, MISUSED, UNREACHABLE = 0, 1, 2, 3


@click.group(name="vault", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Look after the credentials that come from the vault."""


@command.command(name="check")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="gateway.yaml. [$EXTPROC_CONFIG]")
@click.option("--workers-only", is_flag=True, help="Ask nobody: show what the running workers say. Leases nothing.")
@click.option("--json", "is_json", is_flag=True, help="For scripts.")
@state_dir_option
@click.pass_context
def check(context: click.Context, config: Path | None, *, workers_only: bool, is_json: bool) -> None:
    """Show what each deployment's credential resolves to, never its value.

    A dynamic engine makes new credentials for the question; they are revoked before the command ends.

    Exit code 1: a credential cannot be had, or a worker has trouble with one. 3: the vault cannot be reached, or does
    not let us in; with --workers-only: no worker is running, or none of them reaches it.

    Example: extproc vault check
    """
    state_dir: Path = context.obj
    try:
        environment = find_environment(state_dir)
        gateway = load(config or environment.config)
        # What the adapters log is in the findings too; standard output is for those.
        with contextlib.redirect_stdout(sys.stderr):
            probe = None if workers_only else asyncio.run(bootstrap_vault.check_vault(environment, gateway))
    except GatewayInvalid as invalid:
        show_problems(invalid)
        sys.exit(MISUSED)
    except EnvironmentInvalid as invalid:
        click.echo(f"extproc vault: {invalid}", err=True)
        sys.exit(MISUSED)
    workers = read_states(environment.run_dir, time.time())
    findings = Findings(environment.vault_addr, gateway.catalog, bootstrap_vault.PEPPER, probe, workers)
    vault_view.show(findings, is_json=is_json)
    sys.exit(_verdict(findings))


def _verdict(findings: Findings) -> int:
    probe, workers = findings.probe, findings.workers
    states = [worker.state for worker in workers]
    if probe is None:
        if not states or all(state.out_since_s is not None for state in states):
            return UNREACHABLE
    elif probe.out_since_s is not None:
        return UNREACHABLE
    is_had = all(each.usable_until_s is not None and not each.trouble for each in probe.sources) if probe else True
    has_trouble = any(state.out_since_s is not None or any(each.trouble for each in state.sources) for state in states)
    return OK if is_had and not has_trouble else NOT_WELL

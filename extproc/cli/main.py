"""The table of subcommands.

Exit codes: 0 done; 1 the thing asked about is not well (an invalid file, a stopped stack); 2 the command was used
wrongly; 3 a dependency could not be reached.
"""

import logging
from importlib import import_module

import click
import structlog

from extproc import __version__

COMMANDS = {
    "apply": "make the budgets and rates of gateway.yaml the ones in force, after showing a plan",
    "budgets": "list limits with what is used of them; set, show or remove one",
    "check": "read gateway.yaml and report everything that is wrong with it",
    "down": "stop a stack that was started with up --detach",
    "drain": "tell Envoy to finish what it has and take nothing new",
    "explain": "print every decision an exchange would take for a saved request",
    "keys": "mint, list, show, rotate and revoke virtual keys",
    "ledger": "hold Redis and a provider's export against the ledger, and drop old months",
    "log-level": "set Envoy's log level",
    "models": "list models with what answers for them, and who still uses which",
    "migrate": "bring the Postgres schema up to date",
    "report": "what was spent, on what and by whom, and whose prompts are long",
    "render": "write Envoy's configuration files",
    "scanner": "run scanners that need an environment of their own",
    "serve": "run the worker processes that Envoy asks",
    "status": "listeners, clusters, requests, retries and errors as Envoy sees them",
    "up": "run the whole gateway on this machine",
    "vault": "show what each deployment's credential resolves to, never its value",
}


class _Lazy(click.Group):
    """Imports ``extproc.cli.<command>`` when it is asked for: ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - same
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"extproc.cli.{cmd_name.replace('-', '_')}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - same
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="extproc")
@click.pass_context
def main(ctx: click.Context) -> None:
    """An LLM gateway inside Envoy. Start with: extproc up."""
    # A command says by itself what went wrong, in one line; only workers keep a log, and they ask for it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    ctx.call_on_close(structlog.reset_defaults)

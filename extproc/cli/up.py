"""``extproc up``: the whole gateway on this machine, until Ctrl-C or ``extproc down``."""

import asyncio
import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import IO

import click
from rich.console import Console

from extproc.config.gateway import GatewayInvalid
from extproc.local.problems import CannotStart, describe_os_error, require_extra
from extproc.model.keys import KeyProblem, SchemaProblem
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret

DEFAULT_STATE_DIR = Path(".extproc")
_NOT_WELL, _MISUSED, _UNREACHABLE = 1, 2, 3
_SETTLE_S = 0.5
_PORT = click.IntRange(0, 65535)


@click.command(name="up")
@click.option("--port", type=_PORT, default=8080, show_default=True, help="Where applications connect; 0: a free one.")
@click.option("--admin-port", type=_PORT, default=9901, show_default=True, help="Envoy's admin; 0: a free one.")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_STATE_DIR,
    show_default=True,
    help="Where everything is kept between starts.",
)
@click.option("--no-model", is_flag=True, help="Do without the local model (about 245 MB, under Google's Gemma terms).")
@click.option(
    "--models",
    type=click.IntRange(1, 8),
    default=2,
    show_default=True,
    help="How many processes serve the local model, as deployments of one group.",
)
@click.option("--provider", help="Also serve the models of this provider: openai.")
@click.option("--provider-url", metavar="URL", help="The provider's address, if it is not the usual one.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="The file with the provider's key; it goes into the local vault.",
)
@click.option("--detach", is_flag=True, help="Return once it is up; extproc down stops it.")
@click.option("--background", is_flag=True, hidden=True, help="Be the process that --detach starts.")
def command(
    *,
    port: int,
    admin_port: int,
    state_dir: Path,
    no_model: bool,
    models: int,
    provider: str | None,
    provider_url: str | None,
    key_file: Path | None,
    detach: bool,
    background: bool,
) -> None:
    """Run the whole gateway on this machine: Envoy, workers, Postgres, Valkey, OpenBao and a small model.

    A convenience for one machine, not a deployment: the vault's unseal key lies in the state directory.

    Example: extproc up --provider openai --key-file ~/.openai-key
    """
    if (provider is None) != (key_file is None) or (provider_url is not None and provider is None):
        raise click.UsageError("--provider and --key-file go together, and --provider-url with them")
    try:
        require_extra()
        if detach:
            sys.exit(_detach())
        _run(
            port,
            admin_port,
            state_dir,
            provider,
            provider_url,
            key_file,
            models=0 if no_model else models,
            is_background=background,
        )
    except (CannotStart, GatewayInvalid, KeyProblem, SchemaProblem) as problem:
        _give_up(str(problem), _NOT_WELL)
    except Unavailable as problem:
        _give_up(str(problem), _UNREACHABLE)
    except OSError as error:
        _give_up(describe_os_error(error), _NOT_WELL)


def _run(
    port: int,
    admin_port: int,
    state_dir: Path,
    provider: str | None,
    provider_url: str | None,
    key_file: Path | None,
    *,
    models: int,
    is_background: bool,
) -> None:
    # Imported here: without the extra there is nothing to import, and the message above says so.
    from extproc.local import providers, stack  # noqa: PLC0415
    from extproc.local.panel import Welcome, show  # noqa: PLC0415
    from extproc.local.progress import reporter_for  # noqa: PLC0415

    if provider is not None:
        providers.find(provider, provider_url)
    key = None if key_file is None else Secret(providers.read_key(key_file))
    options = stack.Options(state_dir, port, admin_port, models, provider, provider_url, key, is_background)
    console = Console(highlight=False)
    with reporter_for(console) as reporter:

        def welcome(facts: Welcome) -> None:
            reporter.settle()
            show(facts, console)
            if is_background:
                _let_go(state_dir)

        asyncio.run(_until_told(stack.run(options, reporter, welcome)))


async def _until_told(work: Coroutine[None, None, None]) -> None:
    """Run until a signal says stop. A second one changes nothing: every step of stopping is bounded anyway."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            told = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise


def _detach() -> int:
    """Start the same command in the background and repeat what it says until it is up; its exit code if it fails."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
    process = subprocess.Popen(
        [sys.executable, "-m", "extproc", *arguments, "--background"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with contextlib.closing(process.stdout or io.BytesIO()) as said:
        try:
            _relay(said)
        except KeyboardInterrupt:
            # It has a session of its own, so this Ctrl-C did not reach it.
            process.send_signal(signal.SIGINT)
            _relay(said)
    # Its output ends here either because it let go of us, which it does once it is up, or because it is gone.
    try:
        return process.wait(_SETTLE_S)
    except subprocess.TimeoutExpired:
        return 0


def _relay(said: IO[bytes]) -> None:
    for line in said:
        # Whoever reads us may leave early; the stack must not notice, so its pipe is read to the end.
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


def _let_go(state_dir: Path) -> None:
    """Give the terminal back to whoever started us: from here on we talk to a file."""
    log = os.open(state_dir / "logs" / "up.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _give_up(message: str, code: int) -> None:
    click.echo(f"extproc up: {message}", err=True)
    sys.exit(code)

"""``extproc scanner``: scanners that have an environment of their own."""

from pathlib import Path

import click

from extproc.bootstrap_scanner_service import ScannerFileInvalid, ServiceKeys, run_scanner_service

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(name="scanner")
def command() -> None:
    """Scanners in a process of their own: LLM Guard's, and Presidio's recognition of names."""


@command.command()
@click.option("--config", "file", type=_FILE, required=True, help="Which scanners, and where their models are.")
@click.option("--listen", default="127.0.0.1:9190", show_default=True, help="host:port, or unix:/path.")
@click.option("--tls-certificate", type=_FILE, help="PEM; without it texts come in the clear.")
@click.option("--tls-key", type=_FILE, help="PEM.")
def serve(file: Path, listen: str, tls_certificate: Path | None, tls_key: Path | None) -> None:
    """Answer gateways that ask for a scan.

    Install it with make scanner: it needs the packages of requirements/scanner.txt, which the gateway must not have.
    Models are read from local directories; nothing is downloaded.

    Example: extproc scanner serve --config scanner.yaml --listen 0.0.0.0:9190
    """
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError("--tls-certificate and --tls-key go together")
    keys = None if tls_certificate is None or tls_key is None else ServiceKeys(tls_certificate, tls_key)
    try:
        run_scanner_service(file, listen, keys, click.echo)
    except ScannerFileInvalid as error:
        click.echo(f"extproc scanner: {error}", err=True)
        raise SystemExit(1) from None
    except ImportError as error:
        told = f"{error.name} is missing; install the service with make scanner"
        click.echo(f"extproc scanner: {told}", err=True)
        raise SystemExit(1) from None
    except OSError as error:
        click.echo(f"extproc scanner: {error}", err=True)
        raise SystemExit(3) from None

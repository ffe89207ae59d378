"""Addresses and secret references, from environment variables. Never a secret itself.

Read ``gateway`` for policy. An unknown ``EXTPROC_`` variable is an error, so that a typing mistake is not a default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PREFIX = "EXTPROC_"


class EnvironmentInvalid(ValueError):  # noqa: N818 - reads as a claim
    """A variable is missing, unknown or unreadable; the message names it and says what to set."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the gateway's files and dependencies are.

    Each field is the variable ``EXTPROC_<FIELD>``; see ``VARIABLES`` for what they mean.
    """

    config: Path = field(default=Path("gateway.yaml"))
    run_dir: Path = field(default=Path("/run/extproc"))
    spool_dir: Path | None = None
    postgres_dsn: str = "postgresql://127.0.0.1:5432/extproc"
    redis_url: str = "redis://127.0.0.1:6379/0"
    redis_password_file: Path | None = None
    redis_sentinel_password_file: Path | None = None
    redis_ca_file: Path | None = None
    vault_addr: str = "http://127.0.0.1:8200"
    vault_mount: str = "secret"
    vault_ca_file: Path | None = None
    vault_auth: str = "approle"
    vault_auth_mount: str | None = None
    vault_role_id_file: Path | None = None
    vault_secret_id_file: Path | None = None
    vault_role: str | None = None
    vault_token_file: Path | None = None
    envoy_admin: str = "http://127.0.0.1:9901"


VARIABLES: Mapping[str, str] = {
    "EXTPROC_CONFIG": "path of gateway.yaml",
    "EXTPROC_RUN_DIR": "directory of the workers' sockets and the published configuration",
    "EXTPROC_SPOOL_DIR": "directory for rows of the ledger while Postgres is away; without it, run_dir/spool",
    "EXTPROC_POSTGRES_DSN": "libpq URL; a password comes from a service file or passfile=, never from here",
    "EXTPROC_REDIS_URL": "URL of Redis without a password: redis, rediss, unix, redis+sentinel or redis+cluster",
    "EXTPROC_REDIS_PASSWORD_FILE": "file with the Redis password",
    "EXTPROC_REDIS_SENTINEL_PASSWORD_FILE": "file with the sentinels' password",
    "EXTPROC_REDIS_CA_FILE": "PEM bundle that signs Redis' certificates; without it the public ones",
    "EXTPROC_VAULT_ADDR": "URL of Vault or OpenBao",
    "EXTPROC_VAULT_MOUNT": "KV v2 mount with the provider keys and the pepper",
    "EXTPROC_VAULT_CA_FILE": "PEM bundle that signs the vault's certificate; without it the public ones",
    "EXTPROC_VAULT_AUTH": "how to log in to the vault: approle, kubernetes or jwt",
    "EXTPROC_VAULT_AUTH_MOUNT": "mount of that auth method; without it the method's own name",
    "EXTPROC_VAULT_ROLE_ID_FILE": "file with the AppRole role id",
    "EXTPROC_VAULT_SECRET_ID_FILE": "file with the AppRole secret id",
    "EXTPROC_VAULT_ROLE": "name of our role in Kubernetes or JWT auth",
    "EXTPROC_VAULT_TOKEN_FILE": "file with our JWT; in Kubernetes auth without it the pod's service account token",
    "EXTPROC_ENVOY_ADMIN": "URL of Envoy's admin interface",
}

_PATHS = {
    "config",
    "run_dir",
    "spool_dir",
    "redis_password_file",
    "redis_sentinel_password_file",
    "redis_ca_file",
    "vault_ca_file",
    "vault_role_id_file",
    "vault_secret_id_file",
    "vault_token_file",
}


def read_environment(variables: Mapping[str, str]) -> Environment:
    """The environment as the gateway sees it.

    Raises:
        EnvironmentInvalid: an ``EXTPROC_`` variable is unknown or empty.
    """
    given: dict[str, str | Path] = {}
    problems = []
    for name, value in sorted(variables.items()):
        if not name.startswith(_PREFIX):
            continue
        if name not in VARIABLES:
            problems.append(f"{name} is not known; did you mean one of {', '.join(VARIABLES)}?")
        elif not value:
            problems.append(f"{name} is empty; set it to the {VARIABLES[name]}")
        else:
            key = name.removeprefix(_PREFIX).lower()
            given[key] = Path(value) if key in _PATHS else value
    if problems:
        raise EnvironmentInvalid("; ".join(problems))
    return Environment(**given)  # type: ignore[arg-type]  # the keys and their kinds are the table above

"""Where the parts of one running stack find each other. Read ``stack`` for who is told."""

from dataclasses import dataclass
from pathlib import Path

from extproc.config.environment import Environment
from extproc.config.gateway import Gateway
from extproc.dataplane.target import Target, find_system_ca
from extproc.local import openbao, postgres, valkey
from extproc.local.state import StateDir


@dataclass(frozen=True, slots=True)
class Addresses:
    """Chosen once per start: ports on loopback, sockets in the runtime directory."""

    state: StateDir
    runtime_dir: Path
    vault: str
    port: int
    admin_port: int
    health_port: int

    @property
    def admin_url(self) -> str:
        """Envoy's admin interface."""
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def accepted(self) -> Path:
        """The workers' copy of gateway.yaml."""
        return self.runtime_dir / "gateway.yaml"

    @property
    def environment(self) -> Environment:
        """What the gateway's own programs are told."""
        return Environment(
            config=self.state.gateway_yaml,
            run_dir=self.runtime_dir,
            spool_dir=self.state.data("spool"),
            postgres_dsn=postgres.dsn(self.runtime_dir),
            redis_url=valkey.url(self.runtime_dir),
            vault_addr=self.vault,
            vault_mount=openbao.MOUNT,
            vault_role_id_file=self.state.vault_role_id,
            vault_secret_id_file=self.state.vault_secret_id,
            envoy_admin=self.admin_url,
        )

    @property
    def variables(self) -> dict[str, str]:
        """The same as environment variables of a child process."""
        environment = self.environment
        values = {name: getattr(environment, name) for name in Environment.__dataclass_fields__}
        return {f"EXTPROC_{name.upper()}": str(value) for name, value in values.items() if value is not None}

    @property
    def target(self) -> Target:
        """What the rendered files are for; ports are the stack's, whatever gateway.yaml says."""
        return Target(
            directory=self.state.envoy,
            run_dir=self.runtime_dir,
            listen_port=self.port,
            admin_address="127.0.0.1",
            admin_port=self.admin_port,
            health_address="127.0.0.1",
            health_port=self.health_port,
            system_ca_file=find_system_ca(),
        )

    def base_url(self, gateway: Gateway) -> str:
        """What an OpenAI client on this machine takes."""
        listener = gateway.listener
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(listener.address, listener.address)
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"{'https' if listener.tls else 'http'}://{host}:{self.port}/v1"

"""Where the files will be used: the addresses and directories that differ between a laptop, a pod and a test."""

from dataclasses import dataclass, field
from pathlib import Path

from extproc.config.gateway import Endpoint, Gateway
from extproc.model import seams

SYSTEM_CA_FILES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu, Alpine, distroless
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, RHEL
    Path("/etc/ssl/cert.pem"),  # macOS, BSD
)


@dataclass(frozen=True, slots=True)
class Target:
    """Overrides of a ``Gateway``'s own addresses; None leaves them as gateway.yaml has them."""

    directory: Path
    """Where Envoy will find the rendered files: the directory that ``swap.publish`` is given. Absolute."""
    run_dir: Path
    """Where the workers' sockets are. Absolute."""
    listen_address: str | None = None
    listen_port: int | None = None
    admin_address: str | None = None
    admin_port: int | None = None
    health_address: str | None = None
    health_port: int | None = None
    system_ca_file: Path = field(default=SYSTEM_CA_FILES[0])
    """What signs the certificates of deployments without a ``ca_file``."""

    def listen(self, gateway: Gateway) -> Endpoint:
        """Where applications connect."""
        own = Endpoint(gateway.listener.address, gateway.listener.port)
        return _override(own, self.listen_address, self.listen_port)

    def admin(self, gateway: Gateway) -> Endpoint:
        """Where Envoy's admin interface is."""
        return _override(gateway.admin, self.admin_address, self.admin_port)

    def health(self, gateway: Gateway) -> Endpoint:
        """Where readiness is asked."""
        return _override(gateway.health, self.health_address, self.health_port)

    def worker_sockets(self, gateway: Gateway) -> list[str]:
        """The path of each worker's socket."""
        return [str(self.run_dir / seams.WORKER_SOCKET.format(index=index)) for index in range(gateway.workers)]

    def file(self, name: str) -> str:
        """The path Envoy reads a rendered file from."""
        return str(self.directory / name)


def find_system_ca() -> Path:
    """The first of the usual CA bundles that this machine has; the commonest path where it has none."""
    return next((path for path in SYSTEM_CA_FILES if path.is_file()), SYSTEM_CA_FILES[0])


def _override(own: Endpoint, address: str | None, port: int | None) -> Endpoint:
    return Endpoint(own.address if address is None else address, own.port if port is None else port)

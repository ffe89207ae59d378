"""What a state directory remembers from one start to the next: the models' ports and the provider that was added."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from extproc.local.problems import free_port
from extproc.local.state import write_private


@dataclass(frozen=True, slots=True)
class Settings:
    """Not policy (that is gateway.yaml) and not secret."""

    model_ports: tuple[int, ...] = ()
    """One for each local model. They stand in gateway.yaml, so they stay."""
    provider: str | None = None
    provider_url: str | None = None

    def with_provider(self, name: str, url: str | None) -> "Settings":
        """The same, with this provider added."""
        return replace(self, provider=name, provider_url=url)

    def with_models(self, count: int) -> "Settings":
        """The same, with a port for each of so many models; those that there are stay."""
        kept = self.model_ports[:count]
        return replace(self, model_ports=(*kept, *(free_port() for _ in range(count - len(kept)))))

    def write(self, path: Path) -> None:
        """Replace the file."""
        write_private(path, json.dumps(asdict(self), indent=1))

    @staticmethod
    def read(path: Path) -> "Settings":
        """The settings on disk; new ones where there are none."""
        try:
            said = dict(json.loads(path.read_text()))
            # Before there were several models it was one port.
            ports = said.pop("model_ports", None) or [said.pop("model_port")]
            return Settings(**{**said, "model_ports": tuple(ports)})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return Settings()

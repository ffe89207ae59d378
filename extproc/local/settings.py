"""What a state directory remembers from one start to the next: the model's port and the provider that was added."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from extproc.local.problems import free_port
from extproc.local.state import write_private


@dataclass(frozen=True, slots=True)
class Settings:
    """Not policy (that is gateway.yaml) and not secret."""

    model_port: int
    """Stands in gateway.yaml, so it stays."""
    provider: str | None = None
    provider_url: str | None = None

    def with_provider(self, name: str, url: str | None) -> "Settings":
        """The same, with this provider added."""
        return replace(self, provider=name, provider_url=url)

    def write(self, path: Path) -> None:
        """Replace the file."""
        write_private(path, json.dumps(asdict(self), indent=1))

    @staticmethod
    def read(path: Path) -> "Settings":
        """The settings on disk; new ones where there are none."""
        try:
            return Settings(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return Settings(model_port=free_port())

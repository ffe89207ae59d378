"""The providers that ``extproc up --provider`` knows: where they are and which of their models are offered."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import yaml

from extproc.local.problems import CannotStart

_FILE = Path(__file__).with_name("providers.yaml")
_MAX_KEY_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Offer:
    """One model of a provider."""

    name: str
    operation: str
    """As gateway.yaml writes it: ``chat.completions`` or ``embeddings``."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that can be put in front of the local stack."""

    name: str
    base_url: str
    offers: tuple[Offer, ...]

    @property
    def vault_path(self) -> str:
        """Where its key lies, below the vault's mount."""
        return f"providers/{self.name}"


def names() -> tuple[str, ...]:
    """Every provider that can be named."""
    return tuple(sorted(_document()))


def find(name: str, base_url: str | None) -> Provider:
    """The provider with this name, at another address where one is given.

    Raises:
        CannotStart: there is none.
    """
    entry = _document().get(name)
    if entry is None:
        raise CannotStart(f"provider {name!r} is not known; known are: {', '.join(names())}")
    offers = tuple(Offer(model, operation) for operation, models in entry["models"].items() for model in models)
    return Provider(name, (base_url or entry["base_url"]).rstrip("/"), offers)


def read_key(path: Path) -> str:
    """The provider's key from a file: its one line, without the line's end.

    Raises:
        CannotStart: it cannot be read or holds no key. The message never holds what is in it.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_KEY_BYTES + 1)
    except OSError as error:
        raise CannotStart(f"the key file {path} cannot be read: {error.strerror}") from None
    key = text.strip().decode("ascii", errors="replace")
    if not key or len(text) > _MAX_KEY_BYTES or any(not "!" <= character <= "~" for character in key):
        raise CannotStart(f"the key file {path} does not hold one key on one line")
    return key


class _Entry(TypedDict):
    base_url: str
    models: dict[str, list[str]]


def _document() -> dict[str, _Entry]:
    document: dict[str, _Entry] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return document

"""A secret value that cannot be printed by accident."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential held in memory. ``repr``, ``str`` and formatting show ``***``; ``reveal`` gives the text."""

    _value: str

    def reveal(self) -> str:
        """The secret itself. Call it only where the bytes leave for their one rightful reader."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

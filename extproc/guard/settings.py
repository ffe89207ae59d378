"""Reads a built-in scanner's own settings, as the policy gives them. Wrong ones are told to whoever wrote them."""

from collections.abc import Sequence

from extproc.model.guard_policy import Options, OptionValue


class Settings:
    """The settings of one scanner, each taken once.

    Raises (all methods): ValueError, with the name of the setting and what it has to be.
    """

    def __init__(self, scanner: str, options: Options) -> None:
        self._scanner = scanner
        self._left: dict[str, OptionValue] = dict(options)

    def words(self, name: str) -> tuple[str, ...]:
        """A list of texts; one text is a list of one. Empty where nothing is said."""
        value = self._left.pop(name, ())
        listed = (value,) if isinstance(value, str) else value
        if not isinstance(listed, tuple) or not all(isinstance(item, str) and item.strip() for item in listed):
            raise ValueError(f"{self._scanner}: {name} has to be a list of texts, none of them empty")
        return listed

    def flag(self, name: str, *, otherwise: bool) -> bool:
        """Yes or no."""
        value = self._left.pop(name, otherwise)
        if not isinstance(value, bool):
            raise ValueError(f"{self._scanner}: {name} has to be true or false")  # noqa: TRY004 - settings are judged by value
        return value

    def text(self, name: str, otherwise: str) -> str:
        """One text."""
        value = self._left.pop(name, otherwise)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{self._scanner}: {name} has to be a text")
        return value

    def end(self, known: Sequence[str]) -> None:
        """Say that these were all."""
        for name in self._left:
            raise ValueError(f"{self._scanner} has no setting {name!r}; it has {', '.join(known)}")

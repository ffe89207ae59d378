"""Walking a configuration tree: every message in it, with the path that leads there. For ``lint``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from extproc.dataplane.typed import Message, Value

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that the configuration breaks, and where."""

    path: str
    rule: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule}"


@dataclass(frozen=True, slots=True)
class Place:
    """One message of the tree."""

    path: str
    message: Message

    @property
    def type_name(self) -> str:
        """The message's name where it is an ``Any``; empty elsewhere."""
        return text(self.message.get("@type")).rpartition("/")[2]

    def breaks(self, rule: str) -> Violation:
        """That this message breaks a rule."""
        return Violation(self.path, rule)


def snake(value: Value) -> Value:
    """The same tree with protobuf's other spelling of field names (``failureModeAllow``) made one with the first."""
    if isinstance(value, Mapping):
        return {key if key.startswith("envoy.") else _snake_key(key): snake(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [snake(inner) for inner in value]
    return value


def places(path: str, value: Value) -> Iterator[Place]:
    """Every message at or below a value, outermost first."""
    if isinstance(value, Mapping):
        yield Place(path, value)
        for key, inner in value.items():
            yield from places(f"{path}.{key}" if path else key, inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield from places(f"{path}[{index}]", inner)


def texts(value: Value) -> Iterator[str]:
    """Every string at or below a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from texts(inner)


def child(value: Value, *keys: str) -> Value:
    """The value below, or None where the way ends early."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def items(value: Value) -> list[Message]:
    """The messages of a list; empty for anything else."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return [item for item in value if isinstance(item, Mapping)] if is_list and isinstance(value, Sequence) else []


def strings(value: Value) -> list[str]:
    """The strings of a list; empty for anything else."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return [item for item in value if isinstance(item, str)] if is_list and isinstance(value, Sequence) else []


def text(value: Value) -> str:
    """The string, or an empty one."""
    return value if isinstance(value, str) else ""


def number(value: Value) -> float:
    """The number, or 0."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _snake_key(key: str) -> str:
    return _HUMP.sub(lambda match: "_" + match[1].lower(), key)

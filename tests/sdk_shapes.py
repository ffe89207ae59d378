"""Every shape that an SDK's own types allow, as values: what a request or an answer can contain.

``samples(type)`` gives one value with every field there is, and one more for each alternative that a field has.
"""

import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

_DEEPEST = 9
_NONE = type(None)


def samples(kind: Any, depth: int = 0) -> list[Any]:  # noqa: PLR0911 - one for each kind of type
    """Values of a type: at least one, unless it is too deep."""
    if depth > _DEEPEST:
        return []
    origin = get_origin(kind)
    if hasattr(kind, "__value__"):  # an alias of PEP 695, also as typing_extensions has it
        return samples(kind.__value__, depth)
    if origin in {Union, types.UnionType}:
        return [value for each in get_args(kind) if each is not _NONE for value in samples(each, depth)]
    if origin is Literal:
        return list(get_args(kind)[:1])
    if origin is Annotated or str(origin).endswith(("Required", "NotRequired", "ReadOnly")):
        return samples(get_args(kind)[0], depth)
    if is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return _objects(_fields(kind), depth)
    if origin in {list, Iterable, Sequence, tuple, set} or getattr(origin, "__name__", "") in {"Iterable", "Sequence"}:
        return [[value] for value in samples(get_args(kind)[0], depth + 1)]
    if origin is dict or getattr(origin, "__name__", "") == "Mapping":
        return [{"some_key": value} for value in samples(get_args(kind)[1], depth + 1)]
    return _plain(kind)


def _plain(kind: Any) -> list[Any]:
    if kind is str or isinstance(kind, ForwardRef):
        return ["words"]
    if kind is bool:
        return [True]
    if kind in {int, float}:
        return [1]
    return [{"some_key": "some words"}]


def _fields(kind: Any) -> dict[str, Any]:
    if is_typeddict(kind):
        return get_type_hints(kind)
    return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}


def _objects(fields: dict[str, Any], depth: int) -> list[Any]:
    values = {name: found for name, each in fields.items() if (found := samples(each, depth + 1))}
    whole = {name: found[0] for name, found in values.items()}
    return [whole, *({**whole, name: other} for name, found in values.items() for other in found[1:])]

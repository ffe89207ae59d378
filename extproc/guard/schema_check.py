"""Whether a JSON value is as a JSON Schema says, for schemas and values that nobody vouches for.

    compile_schema(text) → Schema; .judge(value) → True, False, or None where it would take too long

Draft 2020-12 by jsonschema, made safe to run on a caller's schema: nothing is fetched, patterns are google-re2's, every
keyword looked at costs one of a fixed number of steps, recursion ends. ``format`` is an annotation and not checked.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import re2
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import Draft202012Validator, extend
from referencing import Registry
from referencing.exceptions import Unresolvable

MAX_SCHEMA_CHARS = 262_144
MAX_STEPS = 200_000
"""About a second. An answer of 1,000 objects with 20 fields takes 100,000."""

_REFERENCE_STEPS = 20
_LITERAL = frozenset({"enum", "const", "default", "examples", "example"})
_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
_left: ContextVar[int] = ContextVar("steps_left", default=0)


class _TooManyStepsError(Exception):
    """The value cannot be judged in the steps there are."""


class Schema:
    """A compiled schema. Thread-safe; keeps nothing of what it judges."""

    def __init__(self, schema: object) -> None:
        """``schema``: parsed.

        Raises:
            ValueError: it is no schema, points outside itself, or has a pattern that google-re2 does not know.
        """
        _refuse(schema)
        try:
            _Validator.check_schema(schema, format_checker=None)  # it would try patterns with Python's matcher
        except (SchemaError, RecursionError) as error:
            raise ValueError(f"not a JSON schema: {getattr(error, 'message', 'nested too deeply')[:200]}") from None
        self._validator = _Validator(schema, registry=Registry())

    def judge(self, value: object) -> bool | None:
        """Whether the value is as the schema says; None where that is not known after ``MAX_STEPS``."""
        token = _left.set(MAX_STEPS)
        try:
            return next(self._validator.iter_errors(value), None) is None
        except (_TooManyStepsError, RecursionError, Unresolvable):
            return None
        finally:
            _left.reset(token)


@lru_cache(maxsize=512)
def compile_schema(text: str) -> Schema:
    """The schema of a JSON text; compiled once.

    Raises:
        ValueError: it cannot be used, and why.
    """
    if len(text) > MAX_SCHEMA_CHARS:
        raise ValueError(f"a schema of more than {MAX_SCHEMA_CHARS} characters")
    try:
        return Schema(json.loads(text))
    except RecursionError:
        raise ValueError("a schema that is nested too deeply") from None


def _refuse(schema: object) -> None:
    """Raise for what cannot be judged safely."""
    names: set[str] = set()
    for name, value in _keywords(schema):
        names.add(name)
        if name in {"$ref", "$dynamicRef"} and isinstance(value, str) and not value.startswith("#"):
            raise ValueError(f"a schema that points outside itself: {name} {value[:80]!r}")
        if name == "pattern" and isinstance(value, str):
            _compiled(value)
        if name == "patternProperties" and isinstance(value, Mapping):
            for pattern in value:
                _compiled(str(pattern))
    # jsonschema looks for those with Python's own, backtracking, patterns.
    if {"patternProperties", "unevaluatedProperties"} <= names:
        raise ValueError("a schema with both patternProperties and unevaluatedProperties")


def _keywords(schema: object) -> Iterator[tuple[str, object]]:
    """Everything in it that may be a keyword."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            for name, inner in value.items():
                yield str(name), inner
                if name not in _LITERAL:
                    waiting.append(inner)
        elif isinstance(value, list):
            waiting.extend(value)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        raise ValueError(f"a pattern that cannot be matched in linear time: {pattern[:80]!r}") from None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    del schema
    if validator.is_type(instance, "string") and not _compiled(pattern).search(instance):
        yield ValidationError("pattern")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    del schema
    if validator.is_type(instance, "object"):
        for pattern, inner in patterns.items():
            _spend(len(instance))
            for name, value in instance.items():
                if _compiled(pattern).search(name):
                    yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional(validator: Any, additional: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    patterns = [_compiled(pattern) for pattern in schema.get("patternProperties", ())]
    _spend(len(instance) * (1 + len(patterns)))
    for name in instance:
        if name not in schema.get("properties", ()) and not any(pattern.search(name) for pattern in patterns):
            yield from validator.descend(instance[name], additional, path=name)


def _unique(validator: Any, is_unique: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    del schema
    # jsonschema compares each with each other.
    if is_unique and validator.is_type(instance, "array"):
        texts = {json.dumps(_same(item), sort_keys=True) for item in instance}
        if len(texts) < len(instance):
            yield ValidationError("uniqueItems")


def _same(value: Any) -> Any:
    """Numbers that are equal, written alike."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_same(item) for item in value]
    if isinstance(value, dict):
        return {name: _same(item) for name, item in value.items()}
    return value


def _spend(steps: int) -> None:
    left = _left.get() - steps
    if left < 0:
        raise _TooManyStepsError
    _left.set(left)


def _counted(keyword: _Keyword, steps: int) -> _Keyword:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _spend(steps + (len(value) if isinstance(value, Mapping | Sequence) and not isinstance(value, str) else 0))
        yield from keyword(validator, value, instance, schema) or ()

    return counted


_OWN: Mapping[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "uniqueItems": _unique,
}
# A schema itself is checked without a count: its size is bounded, and so is the meta-schema.
_Validator = extend(
    Draft202012Validator,
    {
        name: _counted(_OWN.get(name, keyword), _REFERENCE_STEPS if name in {"$ref", "$dynamicRef"} else 1)
        for name, keyword in Draft202012Validator.VALIDATORS.items()
    },
)

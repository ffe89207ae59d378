"""JSON as it must be before anything is judged by it: one meaning for every parser behind us.

Refused: duplicate keys (parsers keep different ones), NaN and infinities, numbers that overflow, anything but UTF-8,
lone surrogates and NUL (which some parsers cut at), trailing data, and nesting or size that is only an attack.
"""

import json
import re
from typing import Any, NoReturn

from extproc.model.refusals import DUPLICATE_KEY, INVALID_JSON, INVALID_REQUEST, TOO_COMPLEX, Refusal

MAX_DEPTH = 64
MAX_VALUES = 200_000
MAX_CONTAINERS = 20_000
"""Objects and arrays. Each costs a hundred times its two bytes, and the garbage collector visits them all."""
MAX_KEYS = 10_000
"""In one object: no API has one that large."""
_MAX_INTEGER_DIGITS = 40


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``.

    Raises:
        Refusal: INVALID_JSON, DUPLICATE_KEY, TOO_COMPLEX, or INVALID_REQUEST when it is not an object.
    """
    _weigh(data)
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise Refusal(INVALID_JSON, "The body is not UTF-8.") from None
    except RecursionError:
        raise Refusal(TOO_COMPLEX) from None
    except ValueError:  # includes JSONDecodeError and an integer of thousands of digits
        raise Refusal(INVALID_JSON) from None
    if not isinstance(value, dict):
        raise Refusal(INVALID_REQUEST, "The body must be a JSON object.")
    # Only an escape can bring in what UTF-8 decoding already refused; without one there is nothing to look for.
    _measure(value, has_escapes="\\u" in text)
    return value


def serialise(value: object) -> bytes:
    """Compact UTF-8 JSON of a value that ``parse_object`` accepted."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


# Possessive, and the closing quote is optional: a string that never ends is read once, not once for each quote in it.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def _weigh(data: bytes) -> None:
    """Refuse by what parsing would build, before it is built: it holds up every other request of this worker."""
    if _is_light(data):
        return
    # A prompt may be full of commas and brackets: only those outside of strings count.
    if not _is_light(_STRING.sub(b"", data)):
        raise Refusal(TOO_COMPLEX)


def _is_light(data: bytes) -> bool:
    containers = data.count(b"[") + data.count(b"{")
    return containers <= MAX_CONTAINERS and containers + data.count(b",") <= MAX_VALUES


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise Refusal(TOO_COMPLEX)
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Refusal(DUPLICATE_KEY)
    return result


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise Refusal(INVALID_JSON, "A number in the body is out of range.")
    return number


def _bounded(text: str) -> int:
    if len(text) > _MAX_INTEGER_DIGITS:
        raise Refusal(INVALID_JSON, "A number in the body is out of range.")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise Refusal(INVALID_JSON, f"{name} is not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_int=_bounded, parse_constant=_no_constant, strict=True
)


def _measure(root: dict[str, Any], *, has_escapes: bool) -> None:
    """Walk the value level by level: no recursion, so depth cannot hurt us."""
    level: list[Any] = [root]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
                if has_escapes:
                    below.extend(value)
            elif isinstance(value, list):
                below.extend(value)
            elif has_escapes and isinstance(value, str):
                _check_text(value)
        if not below:
            return
        level = below
    raise Refusal(TOO_COMPLEX)


_UNFIT = re.compile("[\x00\ud800-\udfff]")


def _check_text(text: str) -> None:
    if _UNFIT.search(text):
        raise Refusal(INVALID_JSON, "A string in the body has a lone surrogate or a NUL.")

"""What the classifier sees of a request: named signals that a person can read, and hashed pieces of the wording.

Only a bounded part is read, so that a megabyte costs no more than a page: of the last user turn the beginning and the
end, of the system prompt and of the two turns before the beginning. Text that was handed over to be worked on
(fenced code, long quotations, a document below the question) is told apart from what is asked, and only counted. The
length of the request is not a signal, on purpose; see docs/auto.md. Read next: ``classify``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

from extproc.policy.classify_lexicon import LEXICON

BUCKETS = 2048
"""How many buckets the pieces of the wording share. A power of two."""

_HEAD_CHARS = 4000
_TAIL_CHARS = 1200
_ASKED_CHARS = 1200
_CONTEXT_CHARS = 400
_CONTEXT_TURNS = 2
_MESSAGES = 60
_PARTS = 16
_TOKENS = 260
_CONTEXT_WEIGHT = 0.5
_LONG_CHARS = 300
_QUOTE_CHARS = 30
_STEM_CHARS = 6
_SMALL_ANSWER_TOKENS = 64
_MANY_TOOLS = 3
_DEEP_SCHEMA = 6  # json_schema, schema, properties, one of them, and its items are five
_MANY = 3

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_QUOTE = re.compile(
    rf"""["\u201c\u201e\xab\u300c][^"\u201c\u201d\u201e\xab\xbb\u300c\u300d]{{{_QUOTE_CHARS},}}["\u201d\u201c\xbb\u300d]"""
)
# Marks of Indian scripts are no \w to Python, so a word is what is left between blanks and punctuation.
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff]"
    r"|[^\s!-&(-,./:-@\[-^`{-~\xa1\xab\xbb\xbf\u0964\u2018-\u201f\u2026\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uff00-\uff65]+"
)
_MATHS = re.compile(r"[√∑∫∏≤≥≠∈∀∃π²³^]|\\(?:frac|sum|int)|\b[a-z]\([a-z]\)|\b[a-z]\^|\b[nkxyabc] ?[=<>] ?[\w(]")
_SENTENCE = re.compile(r"[.?!\u0964](?:\s|\Z)|[\u3002\uff01\uff1f]")
_CODE = re.compile(r"[{};][ \t]*\n|^[ \t]*(?:def|class|import|SELECT|func|for|if) |=> |\);|`[^`\n]+`", re.MULTILINE)
_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
_QUESTION_MARKS = ("?", "\uff1f")
_SYSTEM = ("system", "developer")  # no sets: a role may be anything, also what cannot be hashed
_SPEAKERS = ("user", "assistant")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Features:
    """``signals``: weight of each named signal, about 0 to 2. ``pieces``: weight by bucket, of length 1 together."""

    signals: Mapping[str, float]
    pieces: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The bounded part of a request that is looked at."""

    asked: str
    given: str
    context: tuple[str, ...]
    turns: int
    images: int
    tool_results: int


def features(payload: Mapping[str, object]) -> Features:
    """The signals and pieces of an OpenAI chat completion request, whatever odd shape it has."""
    reading = _read(payload)
    signals: dict[str, float] = {}
    buckets: dict[int, float] = {}
    _add_words(_tokens(reading.asked), 1.0, signals, buckets)
    for text in reading.context:
        _add_words(_tokens(text), _CONTEXT_WEIGHT, signals, buckets)
    signals.update(_shape(reading, payload))
    norm = sum(weight * weight for weight in buckets.values()) ** 0.5 or 1.0
    return Features(signals, {bucket: weight / norm for bucket, weight in buckets.items()})


def _read(payload: Mapping[str, object]) -> _Reading:
    messages = _items(payload.get("messages"))
    recent = [message for message in messages[-_MESSAGES:] if isinstance(message, Mapping)]
    last = max((at for at, message in enumerate(recent) if message.get("role") == "user"), default=None)
    if last is None:
        return _Reading("", "", tuple(_context(recent, messages)), 0, 0, 0)
    asked, given = _apart(_text(recent[last], _HEAD_CHARS, _TAIL_CHARS))
    return _Reading(
        asked=asked,
        given=given,
        context=tuple(_context(recent[:last], messages)),
        turns=sum(message.get("role") == "user" for message in recent),
        images=sum(_kind(part) == "image_url" for part in _items(recent[last].get("content"))[:_PARTS]),
        tool_results=sum(message.get("role") == "tool" for message in recent[last:]),
    )


def _context(before: Sequence[Mapping[str, object]], messages: Sequence[object]) -> Iterator[str]:
    """The system prompt wherever it stands first, then the turns just before the last."""
    for message in messages[:2]:
        if isinstance(message, Mapping) and message.get("role") in _SYSTEM:
            yield _text(message, _CONTEXT_CHARS, 0)
    turns = [message for message in before if message.get("role") in _SPEAKERS]
    for message in turns[-_CONTEXT_TURNS:]:
        yield _text(message, _CONTEXT_CHARS, 0)


def _text(message: Mapping[str, object], head: int, tail: int) -> str:
    """The beginning and the end of what a message says."""
    content = message.get("content")
    if not isinstance(content, str):
        texts = (part.get("text") for part in _items(content)[:_PARTS] if isinstance(part, Mapping))
        content = "\n".join(_ends(text, head, tail) for text in texts if isinstance(text, str))
    return _ends(content, head, tail)


def _ends(text: str, head: int, tail: int) -> str:
    return text if len(text) <= head + tail else f"{text[:head]}\n\n{text[len(text) - tail :]}"


def _apart(text: str) -> tuple[str, str]:
    """What is asked, and what was handed over with it."""
    given: list[str] = []

    def keep(found: re.Match[str]) -> str:
        given.append(found[0])
        return " "

    rest = _QUOTE.sub(keep, _FENCE.sub(keep, text))
    paragraphs = rest.split("\n\n")
    if len(rest) > _LONG_CHARS and len(paragraphs) > 1:
        # The question stands above the document or below it; now and then at both ends.
        first, *middle, last = paragraphs
        is_below = len(last) < _LONG_CHARS and (len(first) >= _LONG_CHARS or last.rstrip().endswith(_QUESTION_MARKS))
        given += middle
        rest = f"{first}\n{last}" if is_below else first
    return rest[:_ASKED_CHARS], "\n".join(given)


def _tokens(text: str) -> list[str]:
    return [found.strip("'-") for found in _TOKEN.findall(text.casefold().replace(_APOSTROPHE, "'"))[:_TOKENS]]


def _add_words(tokens: Sequence[str], weight: float, signals: dict[str, float], buckets: dict[int, float]) -> None:
    before = older = last_stem = "^"
    for token in tokens:
        for name in dict.fromkeys(_named(older, before, token)):
            # The second word of a kind says less than the first, and the tenth says nothing.
            so_far = signals.get(name, 0.0)
            signals[name] = so_far + weight * (1.0 if not so_far else 0.5 if so_far < _MANY / 2 else 0.0)
        stem = "0" if _NUMBER.fullmatch(token) else token[:_STEM_CHARS]
        for piece in (stem, f"{last_stem} {stem}"):
            bucket = crc32(piece.encode("utf-8", "surrogatepass")) % BUCKETS
            buckets[bucket] = max(buckets.get(bucket, 0.0), weight)
        older, before, last_stem = before, token, stem


def _named(older: str, before: str, token: str) -> Iterator[str]:
    yield from _WORDS.get(token, ())
    yield from _WORDS.get(f"{before} {token}", ())
    yield from _WORDS.get(f"{older} {before} {token}", ())
    for length in _STEM_LENGTHS:
        if length > len(token):
            break
        yield from _STEMS.get(token[:length], ())


def _shape(reading: _Reading, payload: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    """Signals that are no words."""
    asked = reading.asked
    questions = asked.count("?") + asked.count("\uff1f")
    commas = asked.count(",") + asked.count("\uff0c") + asked.count("\u3001")
    sentences = len(_SENTENCE.findall(asked))
    tools = len(_items(payload.get("tools")))
    schema = payload.get("response_format")
    yield from _where(
        (
            ("asks one question", questions == 1),
            ("asks several questions at once", questions > 1),
            ("is one sentence or less", sentences <= 1),
            ("lists several things that are wanted", commas > _MANY),
            ("has several figures", len(_NUMBER.findall(asked)) > _MANY),
            ("has formulas", bool(_MATHS.search(asked))),
            ("quotes code", bool(_CODE.search(asked) or _CODE.search(reading.given) or "```" in reading.given)),
            ("comes with a text to work on", bool(reading.given)),
            ("shows an image", reading.images > 0),
            ("offers a few tools", 0 < tools <= _MANY_TOOLS),
            ("offers many tools", tools > _MANY_TOOLS),
            ("works through tool results", reading.tool_results > 0),
            ("continues a conversation", reading.turns > 1),
            ("wants a flat schema filled in", 0 < _depth(schema) <= _DEEP_SCHEMA),
            ("wants a nested schema filled in", _depth(schema) > _DEEP_SCHEMA),
            ("allows only a short answer", 0 < _answer_tokens(payload) <= _SMALL_ANSWER_TOKENS),
        )
    )


def _where(claims: Sequence[tuple[str, bool]]) -> Iterator[tuple[str, float]]:
    return ((name, 1.0) for name, is_so in claims if is_so)


def _answer_tokens(payload: Mapping[str, object]) -> int:
    """The longest answer that the caller allows; 0 where nothing is said."""
    allowed = payload.get("max_completion_tokens") or payload.get("max_tokens")
    return allowed if isinstance(allowed, int) else 0


def _depth(response_format: object) -> int:
    """How many mappings of a JSON schema stand inside each other, counted no further than matters; 0 without one."""
    if not isinstance(response_format, Mapping) or response_format.get("type") != "json_schema":
        return 0
    level, depth = [response_format.get("json_schema")], 0
    while level and depth <= _DEEP_SCHEMA:
        depth += 1
        level = [
            inner
            for outer in level[:_MESSAGES]
            for inner in (outer.values() if isinstance(outer, Mapping) else ())
            if isinstance(inner, Mapping)
        ]
    return depth


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _kind(part: object) -> object:
    return part.get("type") if isinstance(part, Mapping) else None


def _compiled() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The lexicon as signals by word or phrase, and by stem."""
    words: dict[str, tuple[str, ...]] = {}
    stems: dict[str, tuple[str, ...]] = {}
    for name, listed in LEXICON.items():
        for entry in listed.split(","):
            into = stems if entry.strip().endswith("*") else words
            # ^ is the beginning of a text.
            opening = ("^",) if entry.strip().startswith("^") else ()
            key = " ".join((*opening, *_tokens(entry.strip().rstrip("*"))))
            into[key] = (*into.get(key, ()), name)
    return words, stems


_WORDS, _STEMS = _compiled()
_STEM_LENGTHS = sorted({len(stem) for stem in _STEMS})

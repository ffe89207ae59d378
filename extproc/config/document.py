"""YAML text → plain values and the line of each, with YAML's surprises taken out. Knows nothing of the gateway.

Only what JSON has is taken, with the scalar rules of YAML 1.2: ``on``, ``no``, ``1:30`` and ``2024-01-01`` are the
texts they look like, not a boolean, a number of minutes or a date. A key written twice, an anchor (they can be nested
until a kilobyte means gigabytes), a tag and a second document are problems, never a guess.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from extproc.config.problems import Problem, spell

MAX_CHARS = 4 * 1024 * 1024
_MAX_DEPTH = 20
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}([eE][-+]?[0-9]{1,2})?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}

# The same events from libyaml: a file of 1,000 deployments keeps a worker for a fifth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Tree: TypeAlias = "bool | int | float | str | list[Tree] | dict[str, Tree] | None"
Location = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """What a text says: its value, the line each place begins at (from 1), and what could not be read."""

    tree: Tree = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, location: Location) -> int | None:
        """The line of a place, or of the nearest place around it."""
        for end in range(len(location), 0, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return None

    def report(self, location: Location, message: str, fix: str) -> None:
        """Add a problem at a place."""
        self.problems.append(Problem(spell(location), message, fix, self.line_of(location)))


def read(text: str) -> Document:
    """Read one YAML document. Never raises: what is wrong is in ``problems``."""
    document = Document()
    if len(text) > MAX_CHARS:
        document.report((), f"it is longer than {MAX_CHARS} characters", "Split the gateway or shorten the file.")
        return document
    try:
        _read_events(deque(yaml.parse(text, Loader=_LOADER)), document)
    except yaml.MarkedYAMLError as error:
        document.tree = None
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        said = error.problem or "it cannot be read"
        document.problems.append(Problem("", f"not valid YAML: {said}", "Check the indentation and the quotes.", line))
    except yaml.YAMLError as error:
        message = f"not valid YAML: {str(error).splitlines()[0]}"
        document.problems.append(Problem("", message, "Remove the character; keep the file as UTF-8 text."))
    return document


def _read_events(events: deque[yaml.Event], document: Document) -> None:
    events.popleft()  # the start of the stream
    if isinstance(events[0], yaml.StreamEndEvent):
        return
    events.popleft()  # the start of the document
    document.tree = _value(events, (), document)
    events.popleft()  # its end
    if not isinstance(events[0], yaml.StreamEndEvent):
        document.report((), "it holds a second YAML document", "Keep one document: remove the line ---.")


def _value(events: deque[yaml.Event], location: Location, document: Document) -> Tree:
    event = events.popleft()
    line = 1 if event.start_mark is None else event.start_mark.line + 1
    document.lines[location] = line
    if len(location) > _MAX_DEPTH:
        raise yaml.MarkedYAMLError(problem=f"nested deeper than {_MAX_DEPTH} (line {line})")
    if isinstance(event, yaml.AliasEvent) or (isinstance(event, yaml.NodeEvent) and event.anchor is not None):
        document.report(location, "anchors and aliases are not taken", "Write the value out in both places.")
    tag = getattr(event, "tag", None)
    if tag not in {None, "!"}:
        document.report(location, f"the tag {tag} is not taken", "Remove it; quote the value if it is a text.")
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, location, document)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Tree] = []
        while not isinstance(events[0], yaml.SequenceEndEvent):
            items.append(_value(events, (*location, len(items)), document))
        events.popleft()
        return items
    return _scalar(event) if isinstance(event, yaml.ScalarEvent) else None


def _mapping(events: deque[yaml.Event], location: Location, document: Document) -> dict[str, Tree]:
    mapping: dict[str, Tree] = {}
    while not isinstance(events[0], yaml.MappingEndEvent):
        key = _key(events, location, document)
        place = (*location, key)
        is_twice = key in mapping
        mapping[key] = _value(events, place, document)
        if is_twice:
            document.report(place, "the key is written twice", "Remove one of the two.")
    events.popleft()
    return mapping


def _key(events: deque[yaml.Event], location: Location, document: Document) -> str:
    """A key is the text it looks like, quoted or not."""
    event = events[0]
    _value(events, (*location, ""), document)
    if isinstance(event, yaml.ScalarEvent):
        return str(event.value)
    document.report(location, "a key is not a text", "Write the key as a word.")
    return "?"


def _scalar(event: yaml.ScalarEvent) -> Tree:
    text: str = event.value
    if event.style:
        return text  # quoted, or a block
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text

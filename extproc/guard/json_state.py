"""Where a reader of JSON stands within a text that comes in pieces.

Read next: ``json_stretches``, which reads a text that begins outside of a string; ``opening`` makes it one.
"""

import re
from dataclasses import dataclass

_STRUCTURE = frozenset('",:[]{} \t\r\n')
_STEPS = re.compile(r'\\|"|[^\\"]+')


@dataclass(frozen=True, slots=True)
class JsonState:
    """Between two characters."""

    in_string: bool = False
    is_escaped: bool = False
    """After a backslash that is still to be completed."""
    in_word: bool = False
    """Within a number, true, false or null."""

    @property
    def opening(self) -> str:
        """What has to be put before the rest of the text so that it reads alike from its beginning."""
        if self.is_escaped:
            return '"\\'
        if self.in_word:
            return "0"
        return '"' if self.in_string else ""

    def after(self, text: str) -> "JsonState":
        """Where it stands behind this text."""
        in_string, is_escaped = self.in_string, self.is_escaped
        for step in _STEPS.findall(text):
            if is_escaped:
                is_escaped = False
            elif step == "\\":
                is_escaped = in_string
            elif step == '"':
                in_string = not in_string
        in_word = self.in_word if not text else not in_string and text[-1] not in _STRUCTURE
        return JsonState(in_string, is_escaped, in_word)

"""What a deed must look like: lines that a person typed and that tables and logs will show."""

from extproc.model.keys import Deed

MOST_LINE_CHARS = 200


def find_deed_problems(deed: Deed) -> list[str]:
    """What is wrong with who and which approval."""
    return [*find_line_problems("actor", deed.actor), *find_line_problems("approval", deed.approval)]


def find_line_problems(what: str, value: str) -> list[str]:
    """What is wrong with one line: it must not be able to forge another."""
    if value.strip() and value.isprintable() and len(value) <= MOST_LINE_CHARS:
        return []
    return [f"{what} {value[:MOST_LINE_CHARS]!r}: use one line of 1-{MOST_LINE_CHARS} printable characters"]

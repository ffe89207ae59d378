"""Steps of a place that lead into a string or beside it, where a key or an index leads into an object or an array.

    "#key"        the key itself, last, after the way to its value
    "#at", n      the string from its n-th character on
    "#json", n    the n-th string of the JSON text, keys counted, without its escapes; "#json" alone gathers all of them
    "#joined"     several strings in one leaf; "#short" gathers the short ones, by trust

A key that begins with ``#`` itself is written with one more.
"""

from typing import Final

KEY: Final = "#key"
AT: Final = "#at"
JSON: Final = "#json"
JOINED: Final = "#joined"
SHORT: Final = "#short"


def step(key: str) -> str:
    """The step to an object's value."""
    return f"#{key}" if key.startswith("#") else key


def key_of(name: str) -> str:
    """The key to which a step leads."""
    return name.removeprefix("#") if name.startswith("##") else name

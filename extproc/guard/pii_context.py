"""Whether the words around a number say what it is. Language by language, as far as the words below go."""

WINDOW = 60
"""Characters before a number in which such a word counts; after it, a third."""


def has_word(lowered: bytes, start: int, end: int, words: tuple[bytes, ...]) -> bool:
    """Whether one of the words stands shortly before the stretch, or right after it.

    Args:
        lowered: the shadow in lower case.
        start: where the stretch begins.
        end: where it ends.
        words: in lower case; ASCII.
    """
    before = lowered[max(0, start - WINDOW) : start]
    after = lowered[end : end + WINDOW // 3]
    return any(word in before or word in after for word in words)

"""HTML in which text is text: whatever is not ``Html`` already is escaped, so that no name can become markup."""

from html import escape

_VOID = frozenset({"meta", "rect", "line"})


class Html(str):
    """Markup. Only this file and constants of ours make it."""

    __slots__ = ()


def element(kind: str, /, *children: str, **attributes: str | int) -> Html:
    """An element; an attribute's underscores are hyphens, and a trailing one is dropped (``class_``)."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value), quote=True)}"' for key, value in attributes.items()
    )
    if kind in _VOID:
        return Html(f"<{kind}{written}>" if kind == "meta" else f"<{kind}{written}/>")
    return Html(f"<{kind}{written}>{joined(*children)}</{kind}>")


def joined(*children: str) -> Html:
    """One after the other, what is not markup escaped."""
    return Html("".join(child if isinstance(child, Html) else escape(child, quote=True) for child in children))

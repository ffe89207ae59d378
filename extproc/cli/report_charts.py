"""Charts of a report as inline SVG: amounts over time, and one thing's parts. Numbers stand in them as text, too."""

from collections.abc import Sequence

from extproc.cli.report_elements import Html, element, joined
from extproc.cli.report_words import for_people

_WIDTH, _HEIGHT = 1000, 260
_LEFT, _BOTTOM, _TOP = 96, 34, 14
_MOST_LABELS = 10
_TICKS = 4
_CHAR = 7  # of a small label, about


def over_time(series: Sequence[tuple[str, int]], title: str) -> Html:
    """Bars, one for each stretch of time, with a scale in dollars.

    Args:
        series: name and micro-dollars.
        title: what it shows, for those who do not see it.
    """
    step = nice_step(max((amount for _, amount in series), default=0))
    ticks = max(1, -(-max((amount for _, amount in series), default=0) // step))
    inner = _HEIGHT - _TOP - _BOTTOM
    parts: list[Html] = [element("title", title)]
    for number in range(ticks + 1):
        y = _TOP + inner - inner * number // ticks
        parts.append(element("line", x1=_LEFT, x2=_WIDTH, y1=y, y2=y, class_="axis" if not number else "grid"))
        parts.append(element("text", scale(step * number), x=_LEFT - 8, y=y + 4, text_anchor="end"))
    every = -(-len(series) // _MOST_LABELS) if series else 1
    for place, (name, amount) in enumerate(series):
        left = _LEFT + (_WIDTH - _LEFT) * place // len(series)
        right = _LEFT + (_WIDTH - _LEFT) * (place + 1) // len(series)
        gap = min(8, (right - left) // 4)
        height = inner * amount // (step * ticks)
        # What is there is seen, however little it is.
        height = max(height, 1) if amount else 0
        bar = {"x": left + gap, "y": _TOP + inner - height, "width": max(1, right - left - 2 * gap), "height": height}
        if amount:
            told = element("title", f"{name}: {for_people(amount)} USD")
            parts.append(element("g", told, element("rect", class_="bar", **bar)))
        if place % every == 0:
            middle = min((left + right) // 2, _WIDTH - len(name) * _CHAR // 2)
            parts.append(element("text", name, x=middle, y=_HEIGHT - 10, text_anchor="middle"))
    return element("svg", *parts, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", class_="chart")


def meter(part: int, whole: int) -> Html:
    """One bar, as long as its part of the whole."""
    length = part * 1000 // whole if whole else 0
    bar = element("rect", x=0, y=0, width=max(length, 1 if part else 0), height=10, class_="bar")
    return element("svg", bar, viewBox="0 0 1000 10", preserveAspectRatio="none", class_="meter", aria_hidden="true")


def parts_of(parts: Sequence[tuple[str, str, int]]) -> Html:
    """One bar of several parts, and what each of them is.

    Args:
        parts: CSS class, title and number.
    """
    whole = sum(number for _, _, number in parts)
    bars: list[Html] = []
    done = 0
    for kind, title, number in parts:
        start, end = (done * 1000 // whole, (done + number) * 1000 // whole) if whole else (0, 0)
        done += number
        if number:
            told = element("title", f"{title}: {number:,}")
            width = max(1, end - start)
            bars.append(element("g", told, element("rect", x=start, y=0, width=width, height=18, class_=kind)))
    legend = [
        element("li", element("i", class_=kind), f"{title} ", element("b", f"{number:,}"))
        for kind, title, number in parts
    ]
    bar = element("svg", *bars, viewBox="0 0 1000 18", preserveAspectRatio="none", class_="parts", role="img")
    return joined(bar, element("ul", *legend, class_="legend"))


def nice_step(most: int) -> int:
    """A round number of micro-dollars of which some four reach the most."""
    step = 1
    while step * _TICKS < most:
        for times in (1, 2, 5, 10):
            if step * times * _TICKS >= most:
                return step * times
        step *= 10
    return step


def scale(amount: int) -> str:
    """A mark of the scale: no more decimals than it has."""
    text = for_people(amount).rstrip("0").rstrip(".")
    return f"${text}"

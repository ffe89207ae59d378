"""When a window begins and ends, also where the clocks change."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.model.limits import Span, Window
from extproc.policy.windows import ROLLING_PARTS, window_at

ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "America/Sao_Paulo"]
windows = st.one_of(
    st.builds(Window, st.sampled_from([Span.DAY, Span.MONTH]), st.sampled_from(ZONES)),
    st.builds(Window, st.just(Span.ROLLING), rolling_s=st.integers(1, 90 * 1440).map(lambda minutes: minutes * 60)),
)
moments = st.floats(1_000_000_000, 3_000_000_000)


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("window", "now", "name", "start", "end"),
    [
        (Window(Span.DAY), "2026-11-23T23:59:59", "2026-11-23", "2026-11-23", "2026-11-24"),
        (Window(Span.DAY), "2026-11-24T00:00:00", "2026-11-24", "2026-11-24", "2026-11-25"),
        (Window(Span.DAY, "Asia/Kolkata"), "2026-11-23T18:30:00", "2026-11-24", "2026-11-23T18:30", "2026-11-24T18:30"),
        (Window(Span.MONTH), "2028-02-29T12:00:00", "2028-02", "2028-02-01", "2028-03-01"),
        (Window(Span.MONTH), "2026-12-31T23:00:00", "2026-12", "2026-12-01", "2027-01-01"),
        # Zurich: summer time ends on 25 October 2026 at 01:00 UTC, begins on 29 March at 01:00 UTC.
        (Window(Span.DAY, "Europe/Zurich"), "2026-10-25T12:00", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        (Window(Span.DAY, "Europe/Zurich"), "2026-03-29T12:00", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        (Window(Span.DAY, "Europe/Zurich"), "2026-10-25T00:30", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        (Window(Span.DAY, "Europe/Zurich"), "2026-10-25T01:30", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        (Window(Span.MONTH, "Europe/Zurich"), "2026-10-31T23:30", "2026-11", "2026-10-31T23:00", "2026-11-30T23:00"),
        (
            Window(Span.ROLLING, rolling_s=3600),
            "2026-11-23T12:00:30",
            "r29923920",
            "2026-11-23T12:00",
            "2026-11-23T12:01",
        ),
    ],
)
def test_a_window_is_that_of_its_zones_calendar(window: Window, now: str, name: str, start: str, end: str) -> None:
    found = window_at(window, utc(now))
    assert found.parts[-1] == name
    assert (found.starts_at_s, found.ends_at_s) == (utc(start), utc(end))


@given(windows, moments)
def test_every_moment_lies_in_its_window_and_the_next_one_begins_where_it_ends(window: Window, now_s: float) -> None:
    found = window_at(window, now_s)
    assert found.starts_at_s <= now_s < found.ends_at_s
    following = window_at(window, found.ends_at_s)
    assert following.starts_at_s == pytest.approx(found.ends_at_s)
    assert following.parts[-1] != found.parts[-1]
    assert window_at(window, found.starts_at_s + 1e-3).parts == found.parts


@given(st.integers(1, 90 * 1440).map(lambda minutes: minutes * 60), moments)
def test_a_rolling_window_adds_up_its_parts_and_forgets_one_at_a_time(length_s: int, now_s: float) -> None:
    window = Window(Span.ROLLING, rolling_s=length_s)
    found = window_at(window, now_s)
    assert len(set(found.parts)) == ROLLING_PARTS
    following = window_at(window, found.ends_at_s + 1e-3)
    assert following.parts[:-1] == found.parts[1:]
    assert all(int(b[1:]) == int(a[1:]) + 1 for a, b in pairwise(found.parts))

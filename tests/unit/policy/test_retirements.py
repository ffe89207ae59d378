"""When a retirement is spoken of, and whom it names."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.gateway import parse
from extproc.model.catalog import Catalog
from extproc.policy.retirements import WARNED_DAYS, Reminder, find_retirements

TODAY = date(2026, 11, 23)


def catalog(**days: date) -> Catalog:
    """``old`` and ``older`` are members of a group behind two models, ``spare`` stands in its fallback."""
    lines = [
        f"  - {{name: {name}, base_url: 'https://{name}.example/v1', upstream_model: m"
        + (f", retires_on: {days[name]}}}" if name in days else "}")
        for name in ("old", "older", "spare", "unused")
    ]
    return parse(
        "\n".join(
            [
                "deployments:",
                *lines,
                "groups:",
                "  - {name: first, members: [{deployment: old}, {deployment: older}], fallbacks: [second]}",
                "  - {name: second, members: [{deployment: spare}]}",
                "models:",
                "  - {name: smart, group: first}",
                "  - {name: second, group: second}",
                "  - {name: plain, deployments: [older]}",
            ]
        ),
        "sample",
    ).catalog


def test_sixty_days_ahead_is_spoken_of_and_sixty_one_is_not() -> None:
    assert WARNED_DAYS == 60
    (found,) = find_retirements(catalog(old=TODAY + timedelta(days=60)), TODAY)
    assert (found.deployment, found.days_left) == ("old", 60)
    assert find_retirements(catalog(old=TODAY + timedelta(days=61)), TODAY) == ()


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (60, "retires in 60 days"),
        (1, "retires in 1 day"),
        (0, "retires today"),
        (-1, "retired 1 day ago"),
        (-400, "retired 400 days ago"),
    ],
)
def test_it_is_said_how_long_there_is_or_how_long_ago_it_was(days: int, said: str) -> None:
    (found,) = find_retirements(catalog(old=TODAY + timedelta(days=days)), TODAY)
    assert found.describe() == said


def test_every_model_and_group_that_leads_to_it_is_named_through_fallbacks_as_well() -> None:
    found = {each.deployment: each for each in find_retirements(catalog(old=TODAY, older=TODAY, spare=TODAY), TODAY)}
    assert (found["old"].models, found["old"].groups) == (("smart",), ("first",))
    # A model's own list is told by the model's name alone.
    assert (found["older"].models, found["older"].groups) == (("smart", "plain"), ("first",))
    assert found["spare"].models == ("smart", "second")
    assert found["old"].describe_users() == "asked for as smart; in first"


def test_a_deployment_that_nothing_leads_to_is_told_as_that() -> None:
    (found,) = find_retirements(catalog(unused=TODAY), TODAY)
    assert (found.models, found.groups) == ((), ())
    assert found.describe_users() == "no model leads to it"


def test_what_ends_first_comes_first() -> None:
    found = find_retirements(catalog(old=TODAY, older=TODAY - timedelta(days=3), spare=TODAY), TODAY)
    assert [each.deployment for each in found] == ["older", "old", "spare"]


@given(st.integers(-1000, 1000))
def test_a_retirement_is_found_exactly_when_it_is_within_the_horizon(days: int) -> None:
    found = find_retirements(catalog(old=TODAY + timedelta(days=days)), TODAY)
    assert bool(found) == (days <= WARNED_DAYS)
    assert all(each.days_left == days for each in found)


def test_each_is_due_once_a_day_and_a_new_one_at_once() -> None:
    reminder, one, two = Reminder(), catalog(old=TODAY), catalog(old=TODAY, spare=TODAY)
    assert [each.deployment for each in reminder.due(one, TODAY)] == ["old"]
    assert reminder.due(one, TODAY) == ()
    assert [each.deployment for each in reminder.due(two, TODAY)] == ["spare"]
    assert [each.deployment for each in reminder.due(two, TODAY + timedelta(days=1))] == ["old", "spare"]
    assert reminder.due(two, TODAY + timedelta(days=1)) == ()

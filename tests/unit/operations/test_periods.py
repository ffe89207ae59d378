"""Which stretch of time a report is about."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.operations.periods import MOST_DAYS, Period, PeriodProblem, days_of, months_of, read_period

NOW = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "Asia/Beirut", "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "zone", "starts", "ends"),
    [
        ("2026-11-01", "2026-11-30", "UTC", "2026-11-01", "2026-12-01"),
        ("2026-11", "2026-11", "UTC", "2026-11-01", "2026-12-01"),
        ("2026-12", "2027-01", "UTC", "2026-12-01", "2027-02-01"),
        ("2026-10-25", "2026-10-25", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("2026-03-29", "2026-03-29", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        ("2026-03-29", "2026-03-29", "Asia/Beirut", "2026-03-28T22:00", "2026-03-29T21:00"),  # without a midnight
        ("2026-11-01", "2026-11-01", "America/Havana", "2026-11-01T04:00", "2026-11-02T05:00"),  # with two midnights
        ("2026-11-01T08:00", "2026-11-01T09:30", "Asia/Kathmandu", "2026-11-01T02:15", "2026-11-01T03:45"),
        ("2026-11-01T08:00+02:00", "2026-11-01T08:00Z", "Asia/Kathmandu", "2026-11-01T06:00", "2026-11-01T08:00"),
        ("", "", "UTC", "2026-11-01", "2026-11-23T21:30"),
        ("", "", "Asia/Kathmandu", "2026-10-31T18:15", "2026-11-23T21:30"),
        ("2028-02-29", "2028-02-29", "UTC", "2028-02-29", "2028-03-01"),
    ],
)
def test_a_period_is_read_as_people_mean_it(first: str, last: str, zone: str, starts: str, ends: str) -> None:
    assert read_period(first, last, zone, NOW) == Period(utc(starts), utc(ends), zone)


def test_this_month_is_that_of_the_time_zone() -> None:
    late = utc("2026-11-30T20:00")
    assert read_period("", "", "Asia/Kathmandu", late) == Period(utc("2026-11-30T18:15"), late, "Asia/Kathmandu")
    assert read_period("", "", "UTC", late) == Period(utc("2026-11-01"), late, "UTC")


@pytest.mark.parametrize(
    ("first", "last", "zone", "said"),
    [
        ("2026-11-31", "", "UTC", "--from '2026-11-31' is no time"),
        ("yesterday", "", "UTC", "write 2026-11, 2026-11-30 or"),
        ("2026-13", "", "UTC", "is no time"),
        ("2026-11-01", "tomorrow", "UTC", "--to 'tomorrow' is no time"),
        ("2026-11-02", "2026-11-01", "UTC", "nothing lies between"),
        ("2026-12-01", "", "UTC", "nothing lies between --from 2026-12-01 and --to now"),
        ("0001-01-01", "", "Asia/Kathmandu", "is no time"),
        ("1999-12", "", "UTC", "not in the years 2000 to 2199"),
        ("9999-12", "", "UTC", "not in the years"),
        ("", "9999-12", "UTC", "is no time"),
        ("", "", "Mars/Olympus", "--time-zone 'Mars/Olympus' is not known"),
        ("", "", "../../etc/passwd", "is not known"),
        ("", "", "Europe", "is not known"),
        ("", "", "", "is not known"),
    ],
)
def test_what_is_no_period_is_told_with_what_to_write(first: str, last: str, zone: str, said: str) -> None:
    with pytest.raises(PeriodProblem, match=said):
        read_period(first, last, zone, NOW)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - it is given one
    st.timedeltas(timedelta(microseconds=1), timedelta(days=300)),
    st.sampled_from(ZONES),
)
def test_days_and_months_cover_the_period_without_a_gap_and_name_each_moment_as_the_wall_clock_does(
    starts_at: datetime, length: timedelta, zone: str
) -> None:
    period = Period(starts_at, starts_at + length, zone)
    for buckets, form in ((days_of(period), "%Y-%m-%d"), (months_of(period), "%Y-%m")):
        starts = [bucket.starts_at for bucket in buckets]
        assert starts[0] <= period.starts_at
        assert starts[-1] < period.ends_at
        assert starts == sorted(set(starts))
        for bucket, end in zip(buckets, [*starts[1:], period.ends_at], strict=True):
            for moment in (max(bucket.starts_at, starts_at), end - timedelta(microseconds=1)):
                assert f"{period.local(moment):{form}}" == bucket.name


def test_a_day_that_a_country_left_out_is_left_out() -> None:
    period = read_period("2011-12-29", "2011-12-31", "Pacific/Apia", NOW)
    assert [day.name for day in days_of(period)] == ["2011-12-29", "2011-12-31"]


def test_a_report_by_day_of_a_year_is_taken_and_of_more_is_not() -> None:
    days_of(read_period("2028-01-01", "2028-12-31", "UTC", NOW))
    with pytest.raises(PeriodProblem, match=f"{MOST_DAYS} days at most"):
        days_of(read_period("2028-01-01", "2029-01-01", "UTC", NOW))

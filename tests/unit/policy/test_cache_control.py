"""A caller's Cache-Control is taken at its word."""

import pytest

from extproc.policy.cache_control import CacheWish, read_wish


@pytest.mark.parametrize(
    ("value", "wish"),
    [
        ("", CacheWish()),
        ("no-store", CacheWish(looks=False, stores=False)),
        ("No-Cache", CacheWish(looks=False)),
        ("max-age=60", CacheWish(max_age_s=60)),
        ('max-age="60"', CacheWish(max_age_s=60)),
        ("max-age=60, max-age=10", CacheWish(max_age_s=10)),
        ("max-age=-1", CacheWish()),
        ("max-age=9999999999", CacheWish()),
        ("max-age", CacheWish()),
        ("only-if-cached", CacheWish(is_only=True)),
        ("no-transform, no-cache, no-store", CacheWish(looks=False, stores=False)),
    ],
)
def test_directives(value: str, wish: CacheWish) -> None:
    assert read_wish((("cache-control", value),)) == wish


def test_headers_are_read_together() -> None:
    assert read_wish((("cache-control", "no-cache"), ("a", "b"), ("cache-control", "max-age=5"))) == CacheWish(
        looks=False, max_age_s=5
    )

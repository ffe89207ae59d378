"""What is kept and what is replaced; ``tests/contracts/test_redis_deployments`` asks real servers."""

from extproc.adapters.redis_functions import VERSION, library, library_version


def test_the_library_says_its_version_and_none_is_older_than_any() -> None:
    assert library_version(library()) == VERSION
    assert library_version("[]") == 0
    assert library_version(library().replace(f"-- Version {VERSION}.", "-- Version 1.")) == 1

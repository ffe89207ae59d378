"""Keys that look like steps are told from them."""

from extproc.guard.places import KEY, key_of, step


def test_every_key_is_told_by_its_step() -> None:
    for key in ("plain", "#key", "##key", "#", ""):
        assert key_of(step(key)) == key
        assert step(key) != KEY

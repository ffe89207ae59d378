"""Who is meant when somebody is forgotten."""

import pytest

from extproc.adapters.cache_owners import floors_of, is_owned


@pytest.mark.parametrize(
    ("wanted", "owned"),
    [
        (None, ["k:u", "k:v", "l:u", "l:"]),
        ("k:u", ["k:u"]),
        ("k:", ["k:u", "k:v"]),
        ("l:", ["l:u", "l:"]),
        (":u", ["k:u", "l:u"]),
        ("", []),
        (":", []),
        ("k:w", []),
    ],
)
def test_an_owner_is_a_key_an_end_user_or_both(wanted: str | None, owned: list[str]) -> None:
    assert [each for each in ("k:u", "k:v", "l:u", "l:") if is_owned(each, wanted)] == owned


@pytest.mark.parametrize("owner", ["k:u", "k:", "k:u:v"])
def test_every_way_to_forget_an_owner_is_looked_at(owner: str) -> None:
    assert all(is_owned(owner, floor) for floor in floors_of(owner))
    key, _, user = owner.partition(":")
    assert {f"{key}:", owner} | ({f":{user}"} if user else set()) == set(floors_of(owner))

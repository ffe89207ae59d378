"""The signs of a direct attack."""

from extproc.guard.injection_signs import SIGNS


def test_each_sign_has_a_name_of_its_own_and_a_share_that_leaves_room_for_doubt() -> None:
    assert len({sign.name for sign in SIGNS}) == len(SIGNS)
    assert all(-1 < sign.share < 1 and sign.share for sign in SIGNS)


def test_what_speaks_against_an_attack_is_no_kind_of_finding() -> None:
    assert all(bool(sign.kind) == (sign.share > 0) for sign in SIGNS)
    assert all(sign.kind.startswith("injection.") for sign in SIGNS if sign.kind)

"""The signs of instructions where none belong."""

from extproc.guard.injection_context import CONTEXT_SIGNS, REQUEST


def test_each_sign_has_a_name_of_its_own_and_a_share_that_leaves_room_for_doubt() -> None:
    assert len({sign.name for sign in CONTEXT_SIGNS}) == len(CONTEXT_SIGNS)
    assert all(0 < sign.share < 1 for sign in CONTEXT_SIGNS)


def test_an_ordinary_request_alone_is_never_as_sure_as_orders_to_the_model() -> None:
    requests = [sign.share for sign in CONTEXT_SIGNS if sign.kind == REQUEST]
    assert max(requests) < max(sign.share for sign in CONTEXT_SIGNS if sign.kind != REQUEST)

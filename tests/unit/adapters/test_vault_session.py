"""What needs no vault: the arithmetic of lives, and whose environment counts. ``contracts`` has the rest."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.adapters.memory import MemoryClock
from extproc.adapters.vault_login import AppRole, VaultAccount
from extproc.adapters.vault_session import VaultOut, VaultSession, is_short, renew_after_s
from extproc.model.credentials import Source


def session(directory: Path) -> VaultSession:
    for name in ("role", "secret"):
        (directory / name).write_text("x")
    login = AppRole(directory / "role", directory / "secret")
    return VaultSession(VaultAccount("http://127.0.0.1:1", "secret", login), MemoryClock())


@given(life_s=st.floats(0.1, 1e9), jitter=st.floats(0, 1, exclude_max=True))
def test_a_renewal_is_due_around_two_thirds_of_a_life_and_well_before_its_end(life_s: float, jitter: float) -> None:
    assert life_s * 0.59 < renew_after_s(life_s, lambda: jitter) < life_s * 0.74


@given(st.floats(1, 1e9))
def test_different_workers_renew_at_different_moments(life_s: float) -> None:
    assert renew_after_s(life_s, lambda: 0.0) < renew_after_s(life_s, lambda: 0.9)


def test_a_renewal_that_gives_less_than_half_is_close_to_the_longest_life() -> None:
    assert is_short(29, 60)
    assert not is_short(30, 60)
    assert not is_short(float("inf"), float("inf"))


def test_the_environment_of_whoever_started_us_gives_no_token_and_no_proxy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "somebody's")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:2")
    ours = session(tmp_path)
    assert not ours._client("").token
    assert ours._http.trust_env is False
    ours.close()


def test_nobody_at_the_address_is_an_outage_and_leaves_nobody_logged_in(tmp_path: Path) -> None:
    ours = session(tmp_path)
    with pytest.raises(VaultOut, match=r"x: no usable answer \(ConnectionError\)"):
        ours.read(Source("providers/openai"), "x")
    with pytest.raises(VaultOut, match="the login"):
        ours.keep_login()
    assert ours.token is None
    ours.give_back()
    ours.close()

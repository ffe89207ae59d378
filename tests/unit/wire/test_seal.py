"""What was sealed is opened by the same gateway, for the same exchange, and by nobody else."""

import pytest

from extproc.model.guard import GuardSecrets, Redaction
from extproc.model.sealed import Sealed
from extproc.model.secret import Secret
from extproc.wire.seal import SealBroken, seal, unseal
from tests.samples import PEPPER

SECRETS = Sealed(GuardSecrets("canary", (Redaction("[card-1]", "4111111111111111", "pii.card"),), "{}", ("context",)))


def test_any_worker_opens_what_any_other_sealed() -> None:
    assert unseal(seal(SECRETS, "x1", PEPPER), "x1", PEPPER) == SECRETS


def test_the_same_secrets_never_look_the_same() -> None:
    assert seal(SECRETS, "x1", PEPPER) != seal(SECRETS, "x1", PEPPER)


@pytest.mark.parametrize(("exchange", "pepper"), [("x2", PEPPER), ("x1", Secret("another"))])
def test_another_exchange_and_another_gateway_do_not_open_it(exchange: str, pepper: Secret) -> None:
    with pytest.raises(SealBroken):
        unseal(seal(SECRETS, "x1", PEPPER), exchange, pepper)


@pytest.mark.parametrize("text", ["", "AAAA", "no base64!", "A" * 100])
def test_what_is_no_seal_is_broken(text: str) -> None:
    with pytest.raises(SealBroken):
        unseal(text, "x1", PEPPER)


def test_a_changed_bit_breaks_it() -> None:
    text = seal(SECRETS, "x1", PEPPER)
    changed = text[:20] + ("A" if text[20] != "A" else "B") + text[21:]
    with pytest.raises(SealBroken):
        unseal(changed, "x1", PEPPER)

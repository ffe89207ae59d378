"""What only delivery may read of a request, on its way through Envoy: encrypted, and bound to its exchange.

AES-256-GCM (NIST SP 800-38D) with a key that every worker derives from the pepper (HKDF-SHA256, RFC 5869), so any
worker opens what any other sealed, and nobody who reads Envoy's memory, a debug log or a core dump does.
"""

import base64
import binascii
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from extproc.model.sealed import Sealed
from extproc.model.secret import Secret
from extproc.wire.guard_codec import decode_sealed, encode_sealed

_NONCE_BYTES = 12
_KEY_BYTES = 32
_PURPOSE = b"extproc sealed 1"


class SealBroken(Exception):  # noqa: N818 - reads as a claim
    """It was sealed with another key, for another exchange, or not by us."""


def seal(what: Sealed, exchange: str, pepper: Secret) -> str:
    """It as base64 text that only a worker of this gateway opens, for this exchange alone."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(pepper.reveal()).encrypt(nonce, encode_sealed(what), exchange.encode())
    return base64.b64encode(nonce + sealed).decode("ascii")


def unseal(text: str, exchange: str, pepper: Secret) -> Sealed:
    """What was sealed.

    Raises:
        SealBroken
    """
    try:
        data = base64.b64decode(text, validate=True)
        clear = _cipher(pepper.reveal()).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], exchange.encode())
        return decode_sealed(clear)
    except (InvalidTag, binascii.Error, ValueError):
        raise SealBroken from None


@lru_cache(maxsize=4)
def _cipher(pepper: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(pepper.encode()))

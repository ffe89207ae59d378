"""The text form of a virtual key: ``gk_<organisation>_<random><checksum>``.

The checksum lets a worker refuse garbage without a look-up. It is no proof of anything: only the keyed digest of
the whole text, found in the directory, is. Other credential kinds (a provider-style ``sk-…``, a JWT) will get a file
of their own; nothing outside this one knows the format.
"""

import hashlib
import hmac
import re
import zlib
from collections.abc import Callable

from extproc.model.ids import OrganisationId
from extproc.model.secret import Secret

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARS = 32  # 62^32 is about 190 bits
_CHECKSUM_CHARS = 6  # 62^6 > 2^32, so a CRC-32 always fits
_SLUG = "[a-z0-9][a-z0-9-]{0,30}[a-z0-9]"
_SHAPE = re.compile(
    rf"gk_(?P<organisation>{_SLUG})_(?P<random>[0-9A-Za-z]{{{_RANDOM_CHARS}}})"
    rf"(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_CHARS}}})",
    re.ASCII,
)
MAX_TOKEN_CHARS = len("gk_") + 32 + 1 + _RANDOM_CHARS + _CHECKSUM_CHARS


def mint_token(organisation: OrganisationId, random_below: Callable[[int], int]) -> Secret:
    """Make a new key text.

    Args:
        organisation: 2 to 32 lower-case letters, digits or inner hyphens.
        random_below: a cryptographic source; ``secrets.randbelow`` in production.

    Raises:
        ValueError: the organisation cannot be written in a key.
    """
    body = "".join(_ALPHABET[random_below(len(_ALPHABET))] for _ in range(_RANDOM_CHARS))
    text = f"gk_{organisation}_{body}"
    token = text + _checksum(text)
    if not is_well_formed(token):
        raise ValueError(f"organisation {organisation!r} cannot be written in a key: 2-32 of a-z, 0-9, inner '-'")
    return Secret(token)


def is_well_formed(text: str) -> bool:
    """Whether the text has the shape of a virtual key and its checksum agrees. Bounded work for any input."""
    if len(text) > MAX_TOKEN_CHARS:
        return False
    match = _SHAPE.fullmatch(text)
    return match is not None and _checksum(text[:-_CHECKSUM_CHARS]) == match["checksum"]


def is_slug(text: str) -> bool:
    """Whether the text can name an organisation in a key; every name of the hierarchy has this form."""
    return re.fullmatch(_SLUG, text, re.ASCII) is not None


def digest_token(token: Secret, pepper: Secret) -> bytes:
    """The only form of a key that is stored: HMAC-SHA256 under the gateway's pepper, 32 bytes."""
    return hmac.new(pepper.reveal().encode(), token.reveal().encode(), hashlib.sha256).digest()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(_CHECKSUM_CHARS):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits

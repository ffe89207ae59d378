"""Who is calling: the one credential of a request, and the principal it proves.

``read_credential`` knows where credentials travel, ``identify`` what each kind means. Today there is one kind, the
virtual key. Another (a JWT, the mesh's identity, a provider-style ``sk-…``) is one more branch in ``identify``, told
apart by its text, and one more place in ``read_credential`` if it travels elsewhere. Read next: ``authorize``.
"""

from collections.abc import Iterable
from urllib.parse import unquote_plus

from extproc.model.identity import Principal
from extproc.model.refusals import (
    AMBIGUOUS_CREDENTIALS,
    CREDENTIAL_IN_QUERY,
    INVALID_API_KEY,
    MISSING_CREDENTIALS,
    Kind,
    Refusal,
)
from extproc.model.secret import Secret
from extproc.model.token import digest_token, is_well_formed
from extproc.policy.ports import Clock, Directory

CREDENTIAL_HEADERS = frozenset({"authorization", "api-key", "x-api-key"})
"""Where a client's credential may be; none of them may reach a provider."""

_CREDENTIAL_PARAMETERS = frozenset({"apikey", "xapikey", "key", "accesstoken", "token", "authorization"})
"""Names in a query that mean a credential, once case, hyphens and underscores are taken away."""

_BLANKS = " \t"
"""RFC 9110, 5.6.3. Any other white space in a credential is part of it, and makes it one that is refused."""

_OTHER_SCHEME = "\0other scheme"
"""Stands for a credential that is not ours to read, such as Basic; no header value contains a NUL."""


def read_credential(headers: Iterable[tuple[str, str]], query: str) -> Secret:
    """The one credential of a request. Cookies are no credential.

    Args:
        headers: names in lower case; a name may come twice.
        query: what follows ``?`` in the path, as sent.

    Raises:
        Refusal: there is none, there are two different ones, it is of a kind that is not taken, or it is in the query.
    """
    if _has_credential(query):
        raise Refusal(CREDENTIAL_IN_QUERY)
    found: set[str] = set()
    authorizations = 0
    for name, value in headers:
        if name == "authorization":
            authorizations += 1
            found.add(_read_authorization(value))
        elif name in CREDENTIAL_HEADERS:
            found.add(_check_single(value.strip(_BLANKS)))
    found.discard("")
    # Two Authorization headers are two even when they agree: parsers between here and there differ in which they take.
    if authorizations > 1 or len(found) > 1:
        raise Refusal(AMBIGUOUS_CREDENTIALS)
    if not found:
        raise _unauthorized(MISSING_CREDENTIALS)
    credential = found.pop()
    if credential == _OTHER_SCHEME:
        raise _unauthorized(INVALID_API_KEY)
    return Secret(credential)


async def identify(credential: Secret, directory: Directory, pepper: Secret, clock: Clock) -> Principal:
    """The caller whose live key this is.

    Raises:
        Refusal: it is not; the answer is the same for a malformed, unknown, expired and revoked key.
        Unavailable: the directory cannot say.
    """
    # Garbage costs no look-up.
    if not is_well_formed(credential.reveal()):
        raise _unauthorized(INVALID_API_KEY)
    key = await directory.find(digest_token(credential, pepper))
    if key is None or not key.is_live(clock.now_s()):
        raise _unauthorized(INVALID_API_KEY)
    return Principal(key)


def _read_authorization(value: str) -> str:
    scheme, _, rest = value.strip(_BLANKS).partition(" ")
    # Envoy joins repeated headers with a comma, so a comma is a second credential wherever it stands.
    if "," in value:
        raise Refusal(AMBIGUOUS_CREDENTIALS)
    if not scheme:
        return ""
    return _check_single(rest.strip(_BLANKS)) if scheme.lower() == "bearer" else _OTHER_SCHEME


def _check_single(value: str) -> str:
    if "," in value or any(character.isspace() for character in value):
        raise Refusal(AMBIGUOUS_CREDENTIALS)
    return value


def _has_credential(query: str) -> bool:
    # ";" separates too for some parsers, and a name may be encoded more than once by a careless client.
    for part in query.replace(";", "&").split("&"):
        name, _, value = unquote_plus(unquote_plus(part)).partition("=")
        if name.strip().lower().replace("-", "").replace("_", "") in _CREDENTIAL_PARAMETERS:
            return True
        if is_well_formed(value.strip()) or is_well_formed(name.strip()):
            return True
    return False


def _unauthorized(kind: Kind) -> Refusal:
    # RFC 9110, 15.5.2: a 401 names the scheme that is asked for.
    return Refusal(kind, headers=(("www-authenticate", "Bearer"),))

"""Access tokens of Google and of Microsoft Entra, made of what the vault holds. Blocking; one HTTP session.

Google: the service account's private key signs a JWT (RFC 7523) for the token endpoint that gateway.yaml names; the key
file's own ``token_uri`` is not followed. The key is the fields of a key file (``bao kv put … @key.json``), or the whole
file in ``private_key_data``, as text or in base64, as Vault's GCP engine leases it. Source: Google Identity, "Using
OAuth 2.0 for server to server applications", read 2026-11.

Entra: client id and secret by the client-credentials grant. Source: Microsoft identity platform, "OAuth 2.0 client
credentials flow", read 2026-11.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import jwt
import requests

from extproc.adapters.vault_answers import DEPENDENCY, Fields, check_fit
from extproc.model.credentials import EntraMint, GoogleMint, Mint
from extproc.model.refusals import Unavailable
from extproc.model.secret import Secret
from extproc.policy.ports import Clock

_TIMEOUT_S = 5.0
_ASSERTION_LIFE_S = 3600
"""The most that Google takes."""
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_MAX_ANSWER_BYTES = 64 * 1024
_OK = 200
_REFUSALS = (400, 401, 403)
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


class MintRefused(Unavailable):
    """The token endpoint knows us and says no: the key, the secret or what was asked for is wrong."""


@dataclass(frozen=True, slots=True)
class Minted:
    """An access token, and how long it lives from when it was asked for."""

    token: Secret
    life_s: float
    asked_at_s: float


class TokenMint:
    """Use from one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._http = requests.Session()
        # Proxies and ~/.netrc of whoever started us have no part in this.
        self._http.trust_env = False

    def mint(self, how: Mint, fields: Fields, name: str) -> Minted:
        """One access token.

        Raises:
            MintRefused: the token endpoint refused what it was shown.
            Unavailable: it did not answer, or the vault's fields are not what a token is made of.
        """
        asked_at_s = self._clock.now_s()
        match how:
            case GoogleMint():
                form = {"grant_type": _JWT_BEARER, "assertion": _assertion(how, fields, name, int(asked_at_s))}
            case EntraMint():
                form = {
                    "grant_type": "client_credentials",
                    "client_id": _text(fields, "client_id", name),
                    "client_secret": _text(fields, "client_secret", name),
                    "scope": how.scope,
                }
            case _:
                assert_never(how)
        answer = self._ask(how.token_url, form, name)
        match answer:
            case {"access_token": str(token), "expires_in": int(life_s)} if life_s > 0:
                check_fit(Secret(token), f"{name}: the access token")
                return Minted(Secret(token), life_s, asked_at_s)
        raise Unavailable(DEPENDENCY, f"{name}: the token endpoint's answer has no access token with an end")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, url: str, form: Mapping[str, str], name: str) -> object:
        try:
            # No redirects: they would carry the secret elsewhere.
            with self._http.post(url, data=form, timeout=_TIMEOUT_S, allow_redirects=False, stream=True) as response:
                status = response.status_code
                text = _whole(response)
            answer: object = json.loads(text)
        except requests.RequestException as error:
            raise Unavailable(DEPENDENCY, f"{name}: no token endpoint ({type(error).__name__})") from None
        except ValueError:
            answer = None
        if status == _OK:
            return answer
        said = answer.get("error") if isinstance(answer, dict) else None
        # Only a code of RFC 6749 is repeated: descriptions quote what was sent.
        code = f" ({said})" if isinstance(said, str) and _ERROR_CODE.fullmatch(said) else ""
        kind = MintRefused if status in _REFUSALS else Unavailable
        raise kind(DEPENDENCY, f"{name}: the token endpoint answered {status}{code}")


def _whole(response: requests.Response) -> bytes:
    text = b""
    for piece in response.iter_content(8192):
        text += piece
        if len(text) > _MAX_ANSWER_BYTES:
            return b""
    return text


def _assertion(how: GoogleMint, fields: Fields, name: str, now_s: int) -> str:
    key = _google_key(fields, name)
    claims = {
        "iss": _text(key, "client_email", name),
        "scope": how.scope,
        "aud": how.token_url,
        "iat": now_s,
        "exp": now_s + _ASSERTION_LIFE_S,
    }
    try:
        private_key = _text(key, "private_key", name)
        return jwt.encode(claims, private_key, "RS256", {"kid": _text(key, "private_key_id", name)})
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Unavailable(DEPENDENCY, f"{name}: private_key is not an RSA key in PEM") from None


def _google_key(fields: Fields, name: str) -> Fields:
    if "private_key_data" not in fields:
        return fields
    text = _text(fields, "private_key_data", name).strip()
    try:
        document = json.loads(text if text.startswith("{") else base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        document = None
    if not isinstance(document, dict):
        raise Unavailable(DEPENDENCY, f"{name}: private_key_data is not a service account's key file")
    return {key: Secret(value) if isinstance(value, str) else None for key, value in document.items()}


def _text(fields: Fields, field: str, name: str) -> str:
    value = fields.get(field)
    if value is None or not value.reveal():
        raise Unavailable(DEPENDENCY, f"{name}: a token cannot be minted without {field}")
    return value.reveal()

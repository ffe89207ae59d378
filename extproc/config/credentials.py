"""A deployment's ``credential`` section: what may stand together in it, and the reference that it means.

{path: providers/openai, field: api_key}      a secret in the KV v2 mount
{lease: aws/sts/bedrock}                      credentials that a dynamic engine makes, from the vault's root
{path or lease: …, google: {…}}               a service account's key, minted to an access token
{path or lease: …, entra: {tenant: …}}        a service principal, minted to an access token
"""

import ipaddress

from extproc.config.address import AddressInvalid, parse_address
from extproc.config.document import Document, Location, Tree
from extproc.config.schema import CredentialSection
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import ACCESS_TOKEN, Engine, EntraMint, GoogleMint, Mint
from extproc.model.dialects import DIALECTS

_KV_FIELD = "api_key"
_LEASE_FIELD = "token"
_NOT_AN_ENGINE = ("sys", "auth", "identity", "cubbyhole")
_MINTS = ("google", "entra")


def check_credential(document: Document, location: Location, deployment: dict[str, Tree]) -> None:
    """Report to the document what cannot stand together, whatever the shape of the tree."""
    section = deployment.get("credential")
    if not isinstance(section, dict):
        return
    place = (*location, "credential")
    given = [key for key in ("path", "lease") if section.get(key) is not None]
    if len(given) != 1:
        document.report(
            place,
            "it comes from one place: path or lease",
            "Write path for a secret in the KV v2 mount, or lease for a dynamic engine such as aws/sts/bedrock.",
        )
    lease = section.get("lease")
    if isinstance(lease, str) and lease.partition("/")[0] in _NOT_AN_ENGINE:
        document.report((*place, "lease"), "no secrets engine is there", "Write an engine's path, aws/sts/bedrock.")
    mints = [key for key in _MINTS if section.get(key) is not None]
    if len(mints) > 1:
        document.report((*place, "entra"), "a token is minted in one place", "Keep google or entra.")
    for mint in mints:
        _check_mint(document, place, deployment, mint)


def compile_credential(section: CredentialSection) -> CredentialRef:
    """What the section means; its parts go together."""
    engine = Engine.KV if section.lease is None else Engine.LEASE
    path = section.path or section.lease or ""
    mint = _mint(section)
    if mint is not None:
        return CredentialRef(path, ACCESS_TOKEN, engine, mint)
    return CredentialRef(path, section.field or (_KV_FIELD if engine is Engine.KV else _LEASE_FIELD), engine)


def _check_mint(document: Document, place: Location, deployment: dict[str, Tree], mint: str) -> None:
    section = deployment["credential"]
    if isinstance(section, dict) and section.get("field") is not None:
        document.report((*place, "field"), "a minted token has no field of its own", "Remove it.")
    name = deployment.get("dialect", "openai")
    facts = DIALECTS.get(name) if isinstance(name, str) else None
    if facts is not None and facts.credential_fields:
        document.report((*place, mint), f"the dialect {name!r} takes a key, not a token", "Remove it.")
    options = deployment.get("options")
    auth = options.get("auth") if isinstance(options, dict) else None
    if name == "azure" and auth != "entra":
        message = "the deployment sends its credential as an api-key"
        document.report((*place, mint), message, "Write options: {auth: entra}, or remove it.")
    how = section.get(mint) if isinstance(section, dict) else None
    url = how.get("token_url") if isinstance(how, dict) else None
    if isinstance(url, str):
        _check_url(document, (*place, mint, "token_url"), url)


def _check_url(document: Document, place: Location, url: str) -> None:
    try:
        address = parse_address(url)
    except AddressInvalid as error:
        document.report(place, f"the URL {error}", "Write something like https://login.example.com/token.")
        return
    if address.scheme != "https" and not _is_loopback(address.host):
        document.report(place, "would send a secret in clear", "Use https://.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _mint(section: CredentialSection) -> Mint | None:
    if section.google is not None:
        return GoogleMint(section.google.token_url, section.google.scope)
    if section.entra is not None:
        usual = f"https://login.microsoftonline.com/{section.entra.tenant}/oauth2/v2.0/token"
        return EntraMint(section.entra.token_url or usual, section.entra.scope)
    return None

"""Who we are to the vault: AppRole, Kubernetes' service account, or a JWT of another issuer.

Every file is read at each login: a kubelet and a rotation replace them while we run. ``vault_session`` logs in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from extproc.model.refusals import Unavailable

METHODS = ("approle", "kubernetes", "jwt")
_SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True, slots=True)
class AppRole:
    """A role id and a secret id, in a file each."""

    role_id_file: Path
    secret_id_file: Path
    mount: str = "approle"

    @property
    def method(self) -> str:
        """For people."""
        return "approle"

    def proof(self) -> Mapping[str, str]:
        """What the login is sent."""
        return {"role_id": _read(self.role_id_file), "secret_id": _read(self.secret_id_file)}


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A role, and a signed token in a file that says who we are: Kubernetes auth and JWT auth ask the same."""

    role: str
    token_file: Path
    mount: str
    method: str

    def proof(self) -> Mapping[str, str]:
        """What the login is sent."""
        return {"role": self.role, "jwt": _read(self.token_file)}


Login = AppRole | TokenFile


@dataclass(frozen=True, slots=True)
class VaultAccount:
    """Where the vault is and who we are there."""

    address: str
    mount: str
    """Of the KV v2 engine. Paths of dynamic engines have their own mount in them."""
    login: Login
    ca_file: Path | None = None
    """PEM bundle that signs the vault's certificate; None: the public ones."""


class LoginIncomplete(ValueError):  # noqa: N818 - reads as a claim
    """The environment does not say how to log in; the message says what to set."""


def choose_login(
    method: str,
    *,
    mount: str | None = None,
    role_id_file: Path | None = None,
    secret_id_file: Path | None = None,
    role: str | None = None,
    token_file: Path | None = None,
) -> Login:
    """The login that these settings describe; ``mount`` is the method's own name where it is None.

    Raises:
        LoginIncomplete: one is missing, or there is no such method.
    """
    match method:
        case "approle":
            if role_id_file is None or secret_id_file is None:
                raise LoginIncomplete(
                    "set EXTPROC_VAULT_ROLE_ID_FILE and EXTPROC_VAULT_SECRET_ID_FILE to the AppRole files"
                )
            return AppRole(role_id_file, secret_id_file, mount or method)
        case "kubernetes" | "jwt":
            if role is None:
                raise LoginIncomplete(f"set EXTPROC_VAULT_ROLE to our role in the vault's {method} auth")
            if token_file is None and method == "jwt":
                raise LoginIncomplete("set EXTPROC_VAULT_TOKEN_FILE to the file with our JWT")
            return TokenFile(role, token_file or _SERVICE_ACCOUNT_TOKEN, mount or method, method)
        case _:
            raise LoginIncomplete(f"EXTPROC_VAULT_AUTH must be one of {', '.join(METHODS)}")


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise Unavailable("vault", f"the login file {file} cannot be read: {reason}") from None

"""What a vault of credentials holds, without a single value: for operators, and for the file in which workers say it.

Times are UTC seconds since 1970. ``adapters.vault`` knows it, ``operations.vault_state`` writes and reads it.
"""

from dataclasses import dataclass

from extproc.model.credentials import Source


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source and how fresh it is."""

    source: Source
    read_at_s: float | None
    """When the vault last confirmed it; None: never."""
    ends_at_s: float | None
    """The end of the lease or of the minted token, whichever is used; None: it has none of its own."""
    usable_until_s: float | None
    """Until when it is given out if nothing more is heard; None: it is not given out."""
    is_renewable: bool
    trouble: str
    """Why the last try failed; empty: it did not."""


@dataclass(frozen=True, slots=True)
class LoginState:
    """Who we are to the vault."""

    method: str
    mount: str
    policies: tuple[str, ...]
    expires_at_s: float | None
    """None: the token has no end."""
    is_renewable: bool


@dataclass(frozen=True, slots=True)
class VaultState:
    """Everything at one moment."""

    at_s: float
    out_since_s: float | None
    """When the vault stopped answering; None: it answers."""
    login: LoginState | None
    sources: tuple[SourceState, ...]

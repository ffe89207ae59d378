"""Whose an entry is: an owner is the key's id, a colon, and the end user's hash, which is empty where none was named.

key:user    exactly that one
key:        everything of the key
:user       everything of the end user, whichever key asked
"""


def is_owned(owner: str, wanted: str | None) -> bool:
    """Whether an entry of ``owner`` is meant; None means everybody's."""
    if wanted is None:
        return True
    key, _, user = owner.partition(":")
    meant_key, _, meant_user = wanted.partition(":")
    return meant_key in {"", key} and meant_user in {"", user} and wanted not in {"", ":"}


def floors_of(owner: str) -> tuple[str, ...]:
    """Every way in which somebody may have forgotten what this owner has."""
    key, _, user = owner.partition(":")
    # Who names no end user is nobody's end user.
    return (owner, f"{key}:", *((f":{user}",) if user else ()))

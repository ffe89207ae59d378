"""The users of docs/redis.md on a real server: tests run with the lines that operators copy.

add_users(admin, …)     give the server these users, with the document's rules
url_as(server, user)    where to connect as one of them, with ``PASSWORD``
"""

import re
from pathlib import Path

import redis

from extproc.model.secret import Secret
from tests.servers import Valkey

DOCUMENT = Path(__file__).parents[1] / "docs/redis.md"
PASSWORD = Secret("correct horse")
WORKER, INSTALLER, RECONCILER = USERS = ("extproc-worker", "extproc-installer", "extproc-reconciler")


def rules(user: str) -> list[str]:
    """A user's rules as the document has them, each a word."""
    found = re.search(rf"^user {user} (.*)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, user
    words = found[1].split(" ")
    assert ">PASSWORD" in words
    return [word.replace(">PASSWORD", f">{PASSWORD.reveal()}") for word in words]


def add_users(*admins: "redis.Redis", users: tuple[str, ...] = USERS) -> None:
    """Give each server these users, and forget what its log of refusals has."""
    for admin in admins:
        admin.acl_log_reset()
        for user in users:
            admin.execute_command("ACL", "SETUSER", user, *rules(user))


def remove_users(*admins: "redis.Redis") -> None:
    """Take them away again."""
    for admin in admins:
        admin.acl_deluser(*USERS)


def url_as(server: Valkey, user: str) -> str:
    """A server on a socket, as this user."""
    return f"unix://{user}@{server.socket}"

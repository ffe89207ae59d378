"""The words for what the schema refuses: each says what is wrong and what to write."""

import pytest

from extproc.config.complaints import complain
from extproc.config.document import read
from extproc.config.schema import GatewaySection

_GOOD = """
deployments: [{name: a, base_url: "http://127.0.0.1:9/v1", upstream_model: m}]
models: [{name: m, deployments: [a]}]
"""


def _say(more: str) -> tuple[str, str, str]:
    document = read(_GOOD + more)
    assert complain(GatewaySection, document) is None
    (problem,) = document.problems
    return problem.path, problem.message, problem.fix


@pytest.mark.parametrize(
    ("more", "path", "message", "fix"),
    [
        ("wrkers: 2", "wrkers", "is not a known key", "Did you mean workers?"),
        ("zzz: 2", "zzz", "is not a known key", "Remove it; known here: listener, admin"),
        ("admin: {prt: 1}", "admin.prt", "is not a known key", "Did you mean port?"),
        ("admin: 9901", "admin", "is not a section of keys but 9901", "Write a section with address, port."),
        ("listener: {tls: yes}", "listener.tls", "is not a section of keys but 'yes'", "Write cert_file and key_file."),
        ("listener: {tls: {cert_file: /c}}", "listener.tls.key_file", "is required", "Add it: an absolute path"),
        ("listener: {hosts: [1]}", "listener.hosts[0]", "is not a text but 1", "Write a lower-case host name"),
        ("workers: 1.5", "workers", "is not a whole number but 1.5", "Write a number of processes"),
        ("workers: [1]", "workers", "is not a whole number but a list", "Write a number of processes"),
        ("limits: {request_timeout_s: 0}", "limits.request_timeout_s", "0 cannot be used here", "Write seconds, up to"),
        ("vault: {refresh_s: true}", "vault.refresh_s", "is not a number but true", "Write seconds, up to 30 days."),
        ("keys: {poll_s: null}", "keys.poll_s", "is not a number but null", "Write seconds, up to 3600."),
    ],
)
def test_a_complaint_says_what_is_wrong_and_what_to_write(more: str, path: str, message: str, fix: str) -> None:
    said = _say(more)
    assert said[:2] == (path, message)
    assert said[2].startswith(fix)


def test_a_long_value_is_not_repeated_in_full() -> None:
    assert len(_say(f"workers: {'x' * 500}")[1]) < 120


def test_a_good_document_has_no_complaint() -> None:
    document = read(_GOOD)
    assert complain(GatewaySection, document) is not None
    assert document.problems == []

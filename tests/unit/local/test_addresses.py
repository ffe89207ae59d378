from dataclasses import replace
from pathlib import Path

import pytest

from extproc.config.environment import read_environment
from extproc.config.gateway import Listener, parse
from extproc.local.addresses import Addresses
from extproc.local.gateway_file import generate
from extproc.local.state import StateDir

AT = Addresses(StateDir(Path("/state")), Path("/run/x"), "http://127.0.0.1:8200", 8080, 9901, 8081)
GATEWAY = parse(generate((4000,), None, has_model=True), "generated")


def test_a_child_reads_from_its_variables_what_we_mean() -> None:
    assert read_environment(AT.variables) == AT.environment


def test_no_variable_holds_a_secret_only_the_files_that_do() -> None:
    assert {name for name in AT.variables if "SECRET" in name or "PASSWORD" in name} == {"EXTPROC_VAULT_SECRET_ID_FILE"}


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/v1"),
        ("0.0.0.0", "http://127.0.0.1:8080/v1"),
        ("::", "http://[::1]:8080/v1"),
        ("::1", "http://[::1]:8080/v1"),
        ("10.0.0.7", "http://10.0.0.7:8080/v1"),
    ],
)
def test_the_base_url_can_be_used_on_this_machine(address: str, url: str) -> None:
    gateway = replace(GATEWAY, listener=Listener(address, 1, ("*",), None))
    assert AT.base_url(gateway) == url

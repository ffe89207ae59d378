"""Asking the real Envoy. ``contracts/test_envoy_config`` asks it about everything we render."""

import json
import os
from pathlib import Path

import pytest

from extproc.dataplane.render import render
from extproc.dataplane.validate import EnvoyRefused, find_envoy, inline, validate
from tests.unit.dataplane.samples import TARGET, gateway

TLS = "listener: {tls: {cert_file: /none/c.pem, key_file: /none/k.pem}}"


def envoy() -> Path:
    found = find_envoy()
    assert found is not None
    return found


def script(directory: Path, text: str) -> Path:
    file = directory / "envoy"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return file


def test_the_envoy_of_the_wheel_is_found_and_can_be_run() -> None:
    assert os.access(envoy(), os.X_OK)


def test_what_envoy_refuses_is_told_in_its_own_words() -> None:
    files = render(gateway("a"), TARGET)
    lds = json.loads(files["lds.json"])
    lds["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]["codec_type"] = "HTTP9"
    with pytest.raises(EnvoyRefused, match="unknown enum value: 'HTTP9'"):
        validate({**files, "lds.json": json.dumps(lds)}, envoy())


def test_everything_is_inside_the_one_file_that_envoy_is_given(tmp_path: Path) -> None:
    files = render(gateway("a", "b"), TARGET)
    copy = tmp_path / "copy.json"
    validate(files, script(tmp_path, f'cp "$4" {copy}'))
    given = json.loads(copy.read_text())
    assert given == inline(files)
    assert "dynamic_resources" not in given
    names = [each["name"] for each in given["static_resources"]["clusters"]]
    assert {"extproc", "deny", "deployment.a", "deployment.b"} <= set(names)
    manager = given["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert "rds" not in manager
    assert manager["route_config"]["name"] == "gateway"


def test_a_failure_without_a_word_on_stderr_is_told_from_stdout(tmp_path: Path) -> None:
    with pytest.raises(EnvoyRefused, match=r"^it is Tuesday$"):
        validate(render(gateway("a"), TARGET), script(tmp_path, "echo it is Tuesday; exit 1"))


def test_certificates_of_another_machine_leave_tls_out_and_those_of_this_one_are_checked(tmp_path: Path) -> None:
    elsewhere = inline(render(gateway("a", more=TLS), TARGET))
    assert elsewhere["static_resources"]["secrets"] == []  # type: ignore[index, call-overload]
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("not a certificate")
    files = render(gateway("a", more=TLS.replace("/none", str(tmp_path))), TARGET)
    with pytest.raises(EnvoyRefused):
        validate(files, envoy())


def test_an_envoy_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        validate(render(gateway("a"), TARGET), tmp_path / "none")

"""Everything we render, against the schema inside the Envoy binary and against Envoy itself.

The client library of Envoy's messages lacks some that we use, so the renderer builds dictionaries. Here is why that is
safe: each resource is parsed strictly, every nested ``typed_config`` with the message it names.
"""

import datetime as dt
import json
from pathlib import Path

import pytest
import trustme
from google.protobuf import json_format

from extproc.config.gateway import Gateway, parse
from extproc.dataplane.render import build, render, write
from extproc.dataplane.target import Target, find_system_ca
from extproc.dataplane.validate import EnvoyRefused, find_envoy, validate
from tests.contracts.envoy_descriptors import envoy_pool, message_class

_EVERYTHING = """
listener:
  hosts: [llm.example.com, "*.internal.example.com"]
  tls: {{cert_file: {directory}/tls.crt, key_file: {directory}/tls.key}}
workers: 3
deployments:
  - name: by-name
    base_url: https://api.openai.com/v1
    upstream_model: a
    credential: {{path: providers/openai}}
  - {{name: by-ip, base_url: "https://10.1.2.3:8443", upstream_model: b, ca_file: {directory}/ca.pem}}
  - {{name: by-ip6, base_url: "http://[::1]:8000/v1", upstream_model: c}}
  - {{name: in-clear, base_url: "http://model:8000/v1", upstream_model: d, operations: [embeddings]}}
models:
  - {{name: m, deployments: [by-name, by-ip]}}
  - {{name: "org/M:1", deployments: [by-ip6, in-clear]}}
"""
_LITTLE = """
deployments: [{name: a, base_url: "http://127.0.0.1:9/v1", upstream_model: m}]
models: [{name: m, deployments: [a]}]
"""


@pytest.fixture
def everything(tmp_path: Path) -> Gateway:
    authority = trustme.CA()
    expiry = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    certificate = authority.issue_cert("llm.example.com", not_after=expiry)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    return parse(_EVERYTHING.format(directory=tmp_path), "everything")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(directory=tmp_path / "xds", run_dir=tmp_path / "run", system_ca_file=find_system_ca())


def _schema(name: str) -> str:
    return (
        "envoy.config.bootstrap.v3.Bootstrap"
        if name == "bootstrap.json"
        else "envoy.service.discovery.v3.DiscoveryResponse"
    )


def _parse(name: str, text: str) -> None:
    json_format.Parse(text, message_class(_schema(name))(), descriptor_pool=envoy_pool())


def test_every_field_of_every_file_is_one_that_envoy_knows(everything: Gateway, target: Target) -> None:
    files = render(everything, target)
    assert sorted(files) == ["bootstrap.json", "cds.json", "lds.json", "rds.json", "sds.json"]
    for name, text in files.items():
        _parse(name, text)


def test_a_field_that_envoy_does_not_know_is_found_however_deep(everything: Gateway, target: Target) -> None:
    text = render(everything, target)["cds.json"]
    assert '"max_outbound_frames"' in text
    with pytest.raises(json_format.ParseError, match="max_outbound_frame_count"):
        _parse("cds.json", text.replace('"max_outbound_frames"', '"max_outbound_frame_count"'))


def test_an_extension_that_envoy_does_not_have_is_found(everything: Gateway, target: Target) -> None:
    text = render(everything, target)["rds.json"].replace("PriorityGroupClusterSpecifier", "PriorityGroupSpecifier")
    with pytest.raises((json_format.ParseError, TypeError)):
        _parse("rds.json", text)


def test_no_field_we_use_is_deprecated(everything: Gateway, target: Target) -> None:
    deprecated = []
    for name, message in build(everything, target).items():
        parsed = json_format.Parse(write(message), message_class(_schema(name))(), descriptor_pool=envoy_pool())
        deprecated += _deprecated(parsed)
    assert deprecated == []


def test_envoy_takes_what_we_render(everything: Gateway, target: Target) -> None:
    envoy = find_envoy()
    assert envoy is not None
    for gateway in (everything, parse(_LITTLE, "little")):
        validate(render(gateway, target), envoy)


def test_envoy_refuses_a_value_out_of_its_bounds(target: Target) -> None:
    files = render(parse(_LITTLE, "little"), target)
    bootstrap = json.loads(files["bootstrap.json"])
    bootstrap["admin"]["address"]["socket_address"]["port_value"] = 70_000
    envoy = find_envoy()
    assert envoy is not None
    with pytest.raises(EnvoyRefused, match="PortValue"):
        validate({**files, "bootstrap.json": json.dumps(bootstrap)}, envoy)


def _deprecated(message: object) -> list[str]:
    found: list[str] = []
    descriptor = message.DESCRIPTOR  # type: ignore[attr-defined]  # any message class of the pool
    if descriptor.full_name == "google.protobuf.Any":
        inner = message_class(message.type_url.rpartition("/")[2])()  # type: ignore[attr-defined]  # same
        inner.ParseFromString(message.value)  # type: ignore[attr-defined]  # same
        return _deprecated(inner)
    for field, value in message.ListFields():  # type: ignore[attr-defined]  # same
        if field.GetOptions().deprecated:
            found.append(field.full_name)
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner_values = value.values() if field.message_type.fields_by_name["value"].message_type else ()
        else:
            inner_values = value if field.is_repeated else (value,)
        for inner_value in inner_values:
            found += _deprecated(inner_value)
    return found

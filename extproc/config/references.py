"""What the parts of ``gateway.yaml`` say about each other: names missing or taken twice, values that must not meet.

Works on the tree as it was read, whatever its shape, so that these problems are reported in the same breath as a
wrong kind of value elsewhere.
"""

import re

from extproc.config.address import AddressInvalid, parse_address
from extproc.config.cache import check_cache
from extproc.config.credentials import check_credential
from extproc.config.document import Document, Location, Tree
from extproc.config.guard import check_guard
from extproc.config.limits import check_limits
from extproc.config.routing import check_routing, entries, named_deployments
from extproc.model.catalog import Operation
from extproc.model.degradation import DEGRADABLE
from extproc.model.dialects import DIALECTS, Option

_OPERATIONS = tuple(operation.value for operation in Operation)
_CLEARTEXT = "would send the provider's key in clear over a network that is not ours"


def check_references(document: Document, listed: frozenset[str] = frozenset()) -> None:
    """Report to the document everything that is wrong between its parts; ``listed`` as for ``check_routing``."""
    root = document.tree if isinstance(document.tree, dict) else {}
    deployments = list(entries(root, "deployments"))
    for named in ("deployments", "groups", "models"):
        _check_unique(document, list(entries(root, named)))
    for location, deployment in deployments:
        _check_base_url(document, location, deployment)
        _check_dialect(document, location, deployment)
        check_credential(document, location, deployment)
    check_routing(document, root, listed)
    models = frozenset(name for _, entry in entries(root, "models") if isinstance(name := entry.get("name"), str))
    check_limits(document, root, models)
    check_cache(document, root)
    check_guard(document, root)
    _check_webhook(document, root)
    _check_hosts(document, root)
    _check_ports(document, root)


def unused_deployments(document: Document) -> list[tuple[Location, str]]:
    """The deployments that no model and no group names: allowed, while one is being moved, but worth saying."""
    root = document.tree if isinstance(document.tree, dict) else {}
    named = {name for _, name in named_deployments(root)}
    return [
        ((*location, "name"), name)
        for location, entry in entries(root, "deployments")
        if isinstance(name := entry.get("name"), str) and name not in named
    ]


def _check_unique(document: Document, entries: list[tuple[Location, dict[str, Tree]]]) -> None:
    first: dict[str, Location] = {}
    for location, entry in entries:
        name = entry.get("name")
        if not isinstance(name, str):
            continue
        if name in first:
            line = document.line_of(first[name])
            document.report((*location, "name"), f"{name!r} is already taken on line {line}", "Choose another name.")
        else:
            first[name] = (*location, "name")


def _check_base_url(document: Document, location: Location, deployment: dict[str, Tree]) -> None:
    url = deployment.get("base_url")
    if not isinstance(url, str):
        return
    place = (*location, "base_url")
    try:
        address = parse_address(url)
    except AddressInvalid as error:
        document.report(place, f"the URL {error}", "Write something like https://api.openai.com/v1.")
        return
    if address.scheme == "http" and not address.is_private and deployment.get("credential") is not None:
        document.report(place, _CLEARTEXT, "Use https://, or remove the credential.")
    if address.scheme == "http" and deployment.get("ca_file") is not None:
        document.report((*location, "ca_file"), "http has no certificate to check", "Use https:// or remove ca_file.")


def _check_webhook(document: Document, root: dict[str, Tree]) -> None:
    alerts = root.get("alerts")
    url = alerts.get("webhook_url") if isinstance(alerts, dict) else None
    if not isinstance(url, str):
        return
    place: Location = ("alerts", "webhook_url")
    try:
        address = parse_address(url)
    except AddressInvalid as error:
        document.report(place, f"the URL {error}", "Write something like https://alerts.example.com/budgets.")
        return
    if address.scheme == "http" and not address.is_private:
        document.report(place, "would tell of spending in clear over a network that is not ours", "Use https://.")


def _check_dialect(document: Document, location: Location, deployment: dict[str, Tree]) -> None:
    name = deployment.get("dialect", "openai")
    facts = DIALECTS.get(name) if isinstance(name, str) else None
    if facts is None:
        return
    given = deployment.get("options", {})
    options = given if isinstance(given, dict) else {}
    known = ", ".join(facts.options) or "none"
    for option in options:
        if option not in facts.options:
            place = (*location, "options", option)
            document.report(place, f"the dialect {name!r} has no such option", f"Remove it; known here: {known}.")
    for option, about in facts.options.items():
        if about.default is None and option not in options:
            place = (*location, "options", option)
            document.report(place, f"the dialect {name!r} needs it", f"Add it: {about.meaning}.")
        elif option in options:
            _check_option(document, (*location, "options", option), about, options[option])
    _check_degrade(document, (*location, "degrade"), str(name), deployment.get("degrade"))
    operations = deployment.get("operations")
    for index, operation in enumerate(operations if isinstance(operations, list) else []):
        if operation in _OPERATIONS and operation not in facts.operations:
            place = (*location, "operations", index)
            document.report(place, f"the dialect {name!r} does not serve {operation}", "Remove it.")


def _check_degrade(document: Document, place: Location, dialect: str, fields: Tree) -> None:
    may = DEGRADABLE[dialect]
    for index, field in enumerate(fields if isinstance(fields, list) else []):
        if isinstance(field, str) and field not in may:
            problem = f"the dialect {dialect!r} never does without {field!r}"
            document.report((*place, index), problem, f"Remove it; possible here: {', '.join(may)}.")


def _check_option(document: Document, place: Location, about: Option, value: Tree) -> None:
    if about.choices and value not in about.choices:
        document.report(place, "there is no such choice", f"Choose one of: {', '.join(about.choices)}.")
    # What is no text at all is told by the schema.
    if about.pattern and isinstance(value, str) and not re.fullmatch(about.pattern, value, re.ASCII):
        document.report(place, f"{value!r} cannot be right", f"Write {about.meaning}{_such_as(about)}.")


def _such_as(about: Option) -> str:
    return "" if about.default is None else f", such as {about.default}"


def _check_hosts(document: Document, root: dict[str, Tree]) -> None:
    listener = root.get("listener")
    hosts = listener.get("hosts") if isinstance(listener, dict) else None
    if not isinstance(hosts, list):
        return
    place: Location = ("listener", "hosts")
    for index, host in enumerate(hosts):
        if host in hosts[:index]:
            document.report((*place, index), f"{host!r} is listed twice", "Remove one of the two.")
    if "*" in hosts and len(hosts) > 1:
        document.report(place, 'the others mean nothing beside "*"', 'Keep "*" alone, or remove it.')


def _check_ports(document: Document, root: dict[str, Tree]) -> None:
    usual: dict[str, int] = {"listener": 8080, "admin": 9901, "health": 8081}
    taken: dict[int, str] = {}
    for section, default in usual.items():
        given = root.get(section)
        port = given.get("port", default) if isinstance(given, dict) else default
        if not isinstance(port, int) or port == 0:
            continue
        if port in taken:
            document.report((section, "port"), f"port {port} is {taken[port]}.port already", "Choose another port.")
        taken.setdefault(port, section)

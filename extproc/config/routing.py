"""What models, groups and deployments say about each other in ``gateway.yaml``. Part of ``references``."""

import re
from collections.abc import Iterator

from extproc.config.document import Document, Location, Tree

_FLOATING = re.compile(r"(?:^|[-:@/._])latest(?:$|[-:@/._])", re.IGNORECASE)
_TARGETS = ("deployments", "group", "auto")
_MOST_LISTED = 20
"""Names in one message: with a thousand of each, all of them in every message would be megabytes."""
_ONE_TARGET = "Write exactly one of deployments, group and auto."

Section = dict[str, Tree]


def entries(root: Section, key: str) -> Iterator[tuple[Location, Section]]:
    """The sections of a list, each with its place; anything else in it is the schema's to complain about."""
    section = root.get(key)
    for index, entry in enumerate(section if isinstance(section, list) else []):
        if isinstance(entry, dict):
            yield (key, index), entry


def named_deployments(root: Section) -> Iterator[tuple[Location, str]]:
    """Every mention of a deployment by a model or a group, with its place."""
    for location, model in entries(root, "models"):
        yield from _texts((*location, "deployments"), model.get("deployments"))
    for location, group in entries(root, "groups"):
        for index, member in _sections(group.get("members")):
            name = member.get("deployment")
            if isinstance(name, str):
                yield (*location, "members", index, "deployment"), name


def check_routing(document: Document, root: Section, listed: frozenset[str] = frozenset()) -> None:
    """Report everything that is wrong between models, groups and deployments.

    Args:
        document: where to report.
        root: its tree.
        listed: deployments that have a price without one of their own.
    """
    deployments = {name for _, entry in entries(root, "deployments") if isinstance(name := entry.get("name"), str)}
    groups = {name for _, entry in entries(root, "groups") if isinstance(name := entry.get("name"), str)}
    priced = {entry.get("name") for _, entry in entries(root, "deployments") if isinstance(entry.get("price"), dict)}
    priced |= listed
    _check_known(document, named_deployments(root), deployments, "deployment")
    _check_twice(document, root)
    _check_floating(document, root)
    for location, group in entries(root, "groups"):
        _check_known(document, _texts((*location, "fallbacks"), group.get("fallbacks")), groups, "group")
        _check_fallbacks(document, location, group)
        _check_strategy(document, location, group, priced)
    for location, model in entries(root, "models"):
        _check_target(document, location, model, groups)


def _check_known(document: Document, mentions: Iterator[tuple[Location, str]], known: set[str], kind: str) -> None:
    first = sorted(known)[:_MOST_LISTED]
    rest = len(known) - len(first)
    listed = f"{', '.join(first) or 'none yet'}{f' and {rest} more' if rest else ''}"
    for place, name in mentions:
        if name not in known:
            document.report(place, f"there is no {kind} {name!r}", f"Add it, or name one of: {listed}.")


def _check_twice(document: Document, root: Section) -> None:
    seen: set[tuple[Location, str]] = set()
    for place, name in named_deployments(root):
        owner = place[:2]
        if (owner, name) in seen:
            document.report(place, f"{name!r} is listed twice", "List each deployment once: a retry goes to the next.")
        seen.add((owner, name))


def _check_floating(document: Document, root: Section) -> None:
    routing = root.get("routing")
    allowed = routing.get("floating_models") if isinstance(routing, dict) else None
    for location, deployment in entries(root, "deployments"):
        model = deployment.get("upstream_model")
        if not isinstance(model, str) or not _FLOATING.search(model):
            continue
        if not isinstance(allowed, list) or model not in allowed:
            document.report(
                (*location, "upstream_model"),
                f"{model!r} is a moving name: what answers may change overnight",
                "Pin a version, or add the name to routing.floating_models.",
            )


def _check_fallbacks(document: Document, location: Location, group: Section) -> None:
    seen: set[str] = set()
    for place, name in _texts((*location, "fallbacks"), group.get("fallbacks")):
        if name == group.get("name"):
            document.report(place, "a group cannot stand behind itself", "Remove it.")
        elif name in seen:
            document.report(place, f"{name!r} is listed twice", "Remove one of the two.")
        seen.add(name)


def _check_strategy(document: Document, location: Location, group: Section, priced: set[Tree]) -> None:
    strategy = group.get("strategy", "priority")
    members = list(_sections(group.get("members")))
    for index, member in members:
        place = (*location, "members", index)
        if strategy == "cost" and isinstance(member.get("deployment"), str) and member["deployment"] not in priced:
            fix = "Give the deployment a price, or choose another strategy."
            document.report((*place, "deployment"), "the strategy cost needs its price", fix)
        if strategy != "priority" and member.get("reserved") is not None:
            document.report((*place, "reserved"), f"the strategy {strategy} knows nothing reserved", "Remove it.")
        if strategy != "weighted" and "weight" in member:
            document.report((*place, "weight"), f"the strategy {strategy} knows no weights", "Remove it.")
    if strategy == "weighted" and members and all(member.get("weight", 1) == 0 for _, member in members):
        document.report((*location, "members"), "nobody has any weight", "Give one member a weight above 0.")


def _check_target(document: Document, location: Location, model: Section, groups: set[str]) -> None:
    written = [key for key in _TARGETS if model.get(key) is not None]
    if len(written) != 1:
        what = "names nothing that could answer" if not written else f"has {' and '.join(written)}"
        document.report(location, what, _ONE_TARGET)
    mentions = [((*location, "group"), model.get("group"))]
    auto = model.get("auto")
    if isinstance(auto, dict):
        mentions += [((*location, "auto", tier), auto.get(tier)) for tier in ("cheap", "premium")]
    _check_known(document, ((place, name) for place, name in mentions if isinstance(name, str)), groups, "group")
    if model.get("deployments") is not None and model.get("name") in groups:
        fix = "Rename one of the two: a list of deployments is a group with the model's name."
        document.report((*location, "name"), f"{model.get('name')!r} is the name of a group", fix)


def _texts(place: Location, value: Tree) -> Iterator[tuple[Location, str]]:
    for index, each in enumerate(value if isinstance(value, list) else []):
        if isinstance(each, str):
            yield (*place, index), each


def _sections(value: Tree) -> Iterator[tuple[int, Section]]:
    for index, each in enumerate(value if isinstance(value, list) else []):
        if isinstance(each, dict):
            yield index, each

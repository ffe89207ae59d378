"""What must never be in Envoy's configuration. Reads rendered files, or anyone's: a rule that nobody checks erodes.

    check(files)    every violation          enforce(files)    LintFailed if there is one

Each rule is a function from a place in the tree to violations; why each exists is in docs and in envoy/README.md. What
must be there instead is in ``lint_required``, what may be logged in ``lint_logs``.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from extproc.dataplane.doors import ADMISSION_MODE, DELIVERY_MODE, EXTERNAL_PROCESSOR, NOT_ASKED
from extproc.dataplane.lint_logs import log_contents
from extproc.dataplane.lint_required import check_required
from extproc.dataplane.routes import NOT_BUFFERED
from extproc.dataplane.tree import Place, Violation, child, items, places, snake, strings, text
from extproc.dataplane.typed import Message
from extproc.model import seams

__all__ = ["LintFailed", "Violation", "check", "enforce"]


class LintFailed(ValueError):  # noqa: N818 - reads as a claim
    """The configuration breaks rules; ``violations`` has each of them."""

    def __init__(self, violations: list[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("\n".join(str(violation) for violation in violations))


def enforce(files: Mapping[str, Message]) -> None:
    """Refuse a configuration that breaks a rule.

    Raises:
        LintFailed: it does.
    """
    if violations := check(files):
        raise LintFailed(violations)


def check(files: Mapping[str, Message]) -> list[Violation]:
    """Every violation in a set of files: name → the parsed content."""
    plain = {name: snake(message) for name, message in files.items()}
    everywhere = [place for name, tree in plain.items() for place in places(name, tree)]
    never = [violation for place in everywhere for rule in _NEVER for violation in rule(place)]
    return [*never, *check_required(everywhere)]


def _failing_open(place: Place) -> Iterator[Violation]:
    for key in ("failure_mode_allow", "observability_mode", "async_mode"):
        if place.message.get(key, False) is not False:
            yield place.breaks(f"{key} lets a request pass that nobody judged")


def _mode_override(place: Place) -> Iterator[Violation]:
    if place.message.get("allow_mode_override", False) is not False or place.message.get("allowed_override_modes"):
        yield place.breaks("allow_mode_override: the processing modes are pinned")


def _per_route(place: Place) -> Iterator[Violation]:
    configs = place.message.get("typed_per_filter_config")
    # A route that answers by itself needs nobody's judgement, and may not cost a worker's time.
    harmless = [NOT_ASKED, NOT_BUFFERED] if "direct_response" in place.message else []
    if _bounds_length(place.message):
        harmless.append(NOT_BUFFERED)
    for config in configs.values() if isinstance(configs, Mapping) else ():
        if config not in harmless:
            yield place.breaks("typed_per_filter_config: no route may change or disable a door or a limit")
    if place.type_name.endswith(".ExtProcPerRoute") and place.message != NOT_ASKED:
        yield place.breaks("ExtProcPerRoute: no route may change a door")


def _bounds_length(route: Message) -> bool:
    headers = items(child(route, "match", "headers"))
    return any(child(item, "name") == "content-length" and child(item, "range_match", "end") for item in headers)


def _disabled(place: Place) -> Iterator[Violation]:
    if "typed_config" in place.message and (place.message.get("disabled") or place.message.get("is_optional")):
        yield place.breaks("a filter that is disabled or optional is one that can be missing")


def _processing_mode(place: Place) -> Iterator[Violation]:
    mode = place.message.get("processing_mode")
    if mode is None and place.type_name != EXTERNAL_PROCESSOR:
        return
    if mode in (ADMISSION_MODE, DELIVERY_MODE):
        return
    if child(mode, "request_body_mode") == "FULL_DUPLEX_STREAMED":
        yield place.breaks("FULL_DUPLEX_STREAMED on the request side sends on what was not judged whole")
    if child(mode, "request_header_mode") == "SKIP" and child(mode, "request_body_mode") == "BUFFERED":
        yield place.breaks("SKIP of request headers with a BUFFERED body: headers leave before the answer")
    yield place.breaks("processing_mode is neither admission's nor delivery's")


def _rate_limited_back_off(place: Place) -> Iterator[Violation]:
    if "rate_limited_retry_back_off" in place.message:
        yield place.breaks("rate_limited_retry_back_off delays the next provider by the first one's Retry-After")


_TRAVELLING = (seams.NAMESPACE_CONTEXT, seams.NAMESPACE_SEALED)


def _forwarding(place: Place) -> Iterator[Violation]:
    forwarded = place.message.get("forwarding_namespaces")
    for name in [*strings(child(forwarded, "untyped")), *strings(child(forwarded, "typed"))]:
        if name not in _TRAVELLING:
            yield place.breaks(f"forwarding_namespaces has {name}: only {' and '.join(_TRAVELLING)} may travel")


def _classic_log(place: Place) -> Iterator[Violation]:
    if place.type_name.endswith(("HttpGrpcAccessLogConfig", "TcpGrpcAccessLogConfig")):
        yield place.breaks("the classic gRPC access log ships all dynamic metadata, credentials included")


_CAUSE_IN_CEL = re.compile(r"\bresponse\.(code_details|flags)\b|\bxds\.cluster_name\b")


def _mapper(place: Place) -> Iterator[Violation]:
    for mapper in items(place.message.get("mappers")):
        if not _tells_cause(mapper.get("filter")):
            yield place.breaks("a local reply is chosen by status alone: it would rewrite admission's replies too")


def _tells_cause(condition: object) -> bool:
    """Whether a log filter looks at why Envoy replied, in every alternative it has."""
    if not isinstance(condition, Mapping):
        return False
    alternatives = items(child(condition, "or_filter", "filters"))
    if alternatives:
        return all(_tells_cause(option) for option in alternatives)
    parts = items(child(condition, "and_filter", "filters"))
    if parts:
        return any(_tells_cause(part) for part in parts)
    expression = text(child(condition, "extension_filter", "typed_config", "expression"))
    return bool(child(condition, "response_flag_filter", "flags")) or bool(_CAUSE_IN_CEL.search(expression))


_NEVER: tuple[Callable[[Place], Iterator[Violation]], ...] = (
    _failing_open,
    _mode_override,
    _per_route,
    _disabled,
    _processing_mode,
    _rate_limited_back_off,
    _forwarding,
    log_contents,
    _classic_log,
    _mapper,
)

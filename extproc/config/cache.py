"""What ``cache`` of ``gateway.yaml`` must agree on, and what it compiles to.

check_cache(document, root)       reports what is wrong between its keys, whatever the tree's shape
compile_cache(section)            → the policies of all tenants
compile_embedder(section)         → what makes vectors
"""

import hashlib
import json
from pathlib import Path

from extproc.config.cache_sections import CachePolicySection, CacheSection
from extproc.config.document import Document, Location
from extproc.config.routing import Section, entries
from extproc.config.scanners import ref_of
from extproc.config.tenancy import assign, check_default, check_names, check_tenants
from extproc.model.cache import NO_CACHE, CachePolicy, Scope
from extproc.model.embedders import (
    BuiltInModel,
    EmbedderSettings,
    EndpointModel,
    LocalModel,
    SentenceTransformersModel,
)
from extproc.model.tenancy import PerTenant

_VERSION_CHARS = 12
_KINDS = ("onnx", "endpoint", "sentence_transformers")


def check_cache(document: Document, root: Section) -> None:
    """Report everything that is wrong between the keys of ``cache``."""
    cache = root.get("cache")
    if not isinstance(cache, dict):
        return
    policies = [(("cache", *location), policy) for location, policy in entries(cache, "policies")]
    names = check_names(document, policies)
    for location, policy in policies:
        if policy.get("exact") is False and not policy.get("semantic"):
            document.report(location, "it remembers nothing", "Write exact: true or semantic: true, or remove it.")
    check_default(document, ("cache",), cache, names)
    check_tenants(document, ((("cache", *place), tenant) for place, tenant in entries(cache, "tenants")), names)
    embedder = cache.get("embedder")
    if isinstance(embedder, dict) and sum(embedder.get(kind) is not None for kind in _KINDS) > 1:
        document.report(("cache", "embedder"), "it is of one kind", f"Write at most one of {', '.join(_KINDS)}.")


def semantic_policies(root: Section) -> tuple[Location, ...]:
    """Where policies ask for what this version looks up but never gives: answers to what is only like the question."""
    cache = root.get("cache")
    policies = entries(cache, "policies") if isinstance(cache, dict) else ()
    return tuple(("cache", *place, "semantic") for place, policy in policies if policy.get("semantic") is True)


def compile_cache(section: CacheSection | None) -> PerTenant[CachePolicy]:
    """The policies of all tenants. Total for what passed the checks."""
    if section is None:
        return PerTenant(NO_CACHE)
    compiled = {policy.name: _policy(policy) for policy in section.policies}
    return assign(section.tenants, section.default, compiled, NO_CACHE)


def compile_embedder(section: CacheSection | None) -> EmbedderSettings:
    """What makes vectors."""
    if section is None:
        return BuiltInModel()
    embedder = section.embedder
    if (onnx := embedder.onnx) is not None:
        return LocalModel(Path(onnx.directory), onnx.threshold)
    if (endpoint := embedder.endpoint) is not None:
        credential = None if endpoint.credential is None else ref_of(endpoint.credential)
        return EndpointModel(endpoint.url, endpoint.model, endpoint.dimensions, endpoint.threshold, credential)
    if (local := embedder.sentence_transformers) is not None:
        return SentenceTransformersModel(Path(local.directory), local.threshold)
    return BuiltInModel()


def _policy(section: CachePolicySection) -> CachePolicy:
    # What changes which answer is right; limits and times do not.
    said = json.dumps([section.scope, section.exact, section.semantic])
    return CachePolicy(
        version=hashlib.sha256(said.encode()).hexdigest()[:_VERSION_CHARS],
        is_exact=section.exact or section.semantic,
        is_semantic=section.semantic,
        scope=Scope(section.scope),
        ttl_s=section.ttl_s,
        threshold=section.threshold,
        shadow_share=section.shadow_share,
        waits=section.waits,
        counts_requests=section.counts_requests,
        max_entries=section.max_entries,
    )

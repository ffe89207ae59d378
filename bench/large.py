"""A ``gateway.yaml`` as large as it may be: deployments of every dialect in groups of ten. Text, as a person has it."""

from collections.abc import Iterator

from extproc.model.dialects import DIALECTS

SECRET_PATH = "providers/bench"  # noqa: S105 - where it lies
SECRET_FIELDS = ("api_key", "access_key_id", "secret_access_key")
"""What the vault must have there."""
MODEL = "model-0"
"""A model whose every deployment is the upstream given, and the first one is asked first."""

_GROUP = 10
_OPTIONS = {
    "api_version": "2026-05-01",
    "region": "eu-central-1",
    "project": "example-project",
    "location": "europe-west4",
}
_STRATEGIES = ("priority", "latency", "least_busy", "cost", "weighted")


def gateway_yaml(count: int, upstream: str, first: str = "d-0") -> str:
    """The text.

    Args:
        count: deployments; a tenth as many groups, each with a fallback, and a model and a boundary for each group.
        upstream: base URL of a server that speaks OpenAI; the deployments of the first group are there.
        first: what the first deployment is called. Another name is another cluster.
    """
    groups = -(-count // _GROUP)
    names = [first, *(f"d-{index}" for index in range(1, count))]
    return "\n".join(
        [
            "workers: 2",
            "deployments:",
            *(line for index, name in enumerate(names) for line in _deployment(index, name, upstream)),
            "groups:",
            *(line for index in range(groups) for line in _group(index, names, groups)),
            "boundaries:",
            *(f"  - {{organisation: tenant-{index}, labels: {{residency: [eu]}}}}" for index in range(groups)),
            "models:",
            *(f"  - {{name: model-{index}, group: group-{index}, owned_by: example}}" for index in range(groups)),
            "",
        ]
    )


def _deployment(index: int, name: str, upstream: str) -> Iterator[str]:
    is_ours = index < _GROUP
    dialect = "openai" if is_ours else tuple(DIALECTS)[index % len(DIALECTS)]
    yield f"  - name: {name}"
    yield f"    dialect: {dialect}"
    yield f"    base_url: {upstream if is_ours else f'https://provider-{index % 50}.example.com/v1'}"
    yield f"    upstream_model: model-of-{index}-2026-01-01"
    yield f"    credential: {{path: {SECRET_PATH}}}"
    needed = {each: _OPTIONS[each] for each, about in DIALECTS[dialect].options.items() if about.default is None}
    if needed:
        yield f"    options: {{{', '.join(f'{option}: {value}' for option, value in needed.items())}}}"
    yield f"    labels: {{residency: {'eu' if index % 2 else 'us'}, region: region-{index % 7}}}"
    yield f"    price: {{input_per_million_usd: {index % 30}.5, output_per_million_usd: {index % 90}}}"
    yield f"    context_tokens: {(index % 8 + 1) * 32000}"


def _group(index: int, names: list[str], groups: int) -> Iterator[str]:
    members = names[index * _GROUP : (index + 1) * _GROUP]
    yield f"  - name: group-{index}"
    yield f"    strategy: {_STRATEGIES[index % len(_STRATEGIES)]}"
    yield f"    members: [{', '.join(f'{{deployment: {name}}}' for name in members)}]"
    if groups > 1:
        yield f"    fallbacks: [group-{(index + 1) % groups}]"

"""The provider dialects by name: what a deployment must say for each, and what its credential consists of.

``config`` checks gateway.yaml by it, ``exchange`` fetches credentials by it, ``dialects.registry`` has the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from extproc.model.catalog import CredentialRef, Deployment


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a deployment's ``options``."""

    meaning: str
    default: str | None = None
    """None: it must be written."""
    choices: tuple[str, ...] = ()
    """Empty: any text."""
    pattern: str = ""
    """A regular expression for the whole value; empty: any text."""


@dataclass(frozen=True, slots=True)
class DialectFacts:
    """What the rest of the gateway knows of a dialect."""

    operations: frozenset[str]
    options: Mapping[str, Option] = field(default_factory=dict)
    credential_fields: tuple[str, ...] = ()
    """Fields of the vault's secret that make up the credential; empty: the one field that the deployment names."""
    optional_fields: tuple[str, ...] = ()
    """Those that may be absent, after the others; the dialect gets an empty secret for each."""


_MESSAGES: Mapping[str, Option] = {
    "max_tokens": Option("a quoted number of tokens, for requests without a limit", "4096", pattern=r"[1-9]\d{0,6}"),
    "sampling": Option("what becomes of temperature, top_p and top_k", "send", ("send", "omit")),
}
"""What Anthropic's messages need to know wherever they are served."""

_LIMIT: Mapping[str, Option] = {
    "limit_field": Option(
        "the field in which the server is told how long an answer may be",
        "auto",
        ("auto", "max_tokens", "max_completion_tokens"),
    ),
}
"""Of everybody who speaks OpenAI's dialect; see ``dialects.output_limit``."""

_GOOGLE_PLACE: Mapping[str, Option] = {
    "project": Option("the Google Cloud project's id"),
    "location": Option("the region in the path, such as europe-west4, or global"),
}

DIALECTS: Mapping[str, DialectFacts] = MappingProxyType(
    {
        "openai": DialectFacts(operations=frozenset({"chat.completions", "embeddings"}), options=_LIMIT),
        "anthropic": DialectFacts(
            operations=frozenset({"chat.completions"}),
            options={
                "version": Option("the API's version", "2023-06-01", pattern=r"\d{4}-\d{2}-\d{2}"),
                "auth": Option("the header that carries the key", "x-api-key", ("x-api-key", "bearer")),
                **_MESSAGES,
            },
        ),
        "azure": DialectFacts(
            operations=frozenset({"chat.completions", "embeddings"}),
            options={
                "api_version": Option("the API's version, such as 2024-10-21"),
                "auth": Option("what the credential is", "api-key", ("api-key", "entra")),
                **_LIMIT,
            },
        ),
        "bedrock": DialectFacts(
            operations=frozenset({"chat.completions"}),
            options={"region": Option("the AWS region, such as eu-west-1")},
            credential_fields=("access_key_id", "secret_access_key"),
            optional_fields=("session_token",),
        ),
        "vertex": DialectFacts(
            operations=frozenset({"chat.completions"}),
            options=_GOOGLE_PLACE,
        ),
        "vertex-anthropic": DialectFacts(
            operations=frozenset({"chat.completions"}),
            options={
                **_GOOGLE_PLACE,
                "version": Option("the API's version", "vertex-2023-10-16", pattern=r"(vertex-)?\d{4}-\d{2}-\d{2}"),
                **_MESSAGES,
            },
        ),
    }
)


def credential_refs(deployment: Deployment) -> tuple[CredentialRef, ...]:
    """Where each part of a deployment's credential lies, in the order the dialect takes them."""
    ref = deployment.credential
    if ref is None:
        return ()
    facts = DIALECTS[deployment.dialect]
    if not facts.credential_fields:
        return (ref,)
    needed = tuple(replace(ref, field=each) for each in facts.credential_fields)
    return (*needed, *(replace(ref, field=each, is_optional=True) for each in facts.optional_fields))

"""Under which name an OpenAI-compatible server is told how long an answer may be.

OpenAI's own newer models refuse ``max_tokens``. Mistral refuses ``max_completion_tokens``; TGI and older vLLM take no
notice of it, and answer at any length: a limit that a budget set would hold nobody. Every server but OpenAI's knows
``max_tokens``. The deployment's option ``limit_field`` says which one is sent, whichever a caller or a budget wrote:

    max_tokens, max_completion_tokens   always this one
    auto                                ``max_tokens`` stays; ``max_completion_tokens`` stays where the address or the
                                        model's name is OpenAI's, and becomes ``max_tokens`` elsewhere

Sources, as of 2026-11: OpenAI API reference, "Create chat completion"; Mistral API, "Chat completion"; TGI's and vLLM's
pages on the OpenAI-compatible API; Azure OpenAI REST reference (``max_completion_tokens`` since 2024-08-01-preview).
Read next: ``openai.write_body``, which asks here.
"""

import re
from collections.abc import Mapping
from typing import Any

from extproc.model.catalog import Deployment

NEW, OLD = "max_completion_tokens", "max_tokens"
_OPENAI_HOSTS = re.compile(r"(^|\.)(openai\.com|azure\.com)$")
_OPENAI_MODELS = re.compile(r"(^|[/:])(chatgpt|gpt-(?!oss|neo|j\b|2\b)|o\d(-|$))")
"""Hosted by OpenAI, perhaps behind a proxy of somebody's own. gpt-oss is served by everybody else."""


def write_limit(payload: Mapping[str, Any], deployment: Deployment) -> dict[str, Any]:
    """The payload with its limit, if it has one, under the name that the deployment's server knows."""
    written = dict(payload)
    new, old = written.get(NEW), written.get(OLD)
    limit = old if new is None else new
    if limit is None:
        return written
    name = deployment.options.get("limit_field", "auto")
    if name == "auto":
        name = OLD if new is None or not _is_openais(deployment) else NEW
    written.pop(OLD if name == NEW else NEW, None)
    written[name] = limit
    return written


def _is_openais(deployment: Deployment) -> bool:
    if deployment.dialect == "azure":
        return True
    return bool(_OPENAI_HOSTS.search(deployment.host) or _OPENAI_MODELS.search(deployment.upstream_model.lower()))

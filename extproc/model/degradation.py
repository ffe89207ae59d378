"""What of a request an operator may let a deployment do without, instead of refusing it: ``degrade`` in gateway.yaml.

A field that a dialect cannot express is a 400, or the next deployment's turn, unless the deployment lists the field: it
is left out then, and the answer is what the provider makes of the rest. Only what shapes an answer can be left out this
way; messages, tools, stop sequences and limits never, for without them it would be an answer to something else.
"""

from collections.abc import Mapping
from types import MappingProxyType

_SAMPLING = ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "logit_bias")
_FORM = ("n", "logprobs", "response_format", "parallel_tool_calls", "reasoning_effort", "verbosity", "service_tier")
_ASIDES = ("metadata", "prediction", "prompt_cache_key", "safety_identifier", "store", "user")

DEGRADABLE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openai": (*_SAMPLING, *_FORM, *_ASIDES),
        "azure": (*_SAMPLING, *_FORM, *_ASIDES),
        "anthropic": (*_SAMPLING, *(each for each in _FORM if each != "parallel_tool_calls")),
        "bedrock": (*_SAMPLING, *_FORM),
        "vertex": ("seed", "logit_bias", "parallel_tool_calls", "reasoning_effort", "verbosity", "service_tier"),
        "vertex-anthropic": (*_SAMPLING, *(each for each in _FORM if each != "parallel_tool_calls")),
    }
)
"""By dialect: the fields of a chat that a deployment may list. ``logprobs`` stands for ``top_logprobs`` too."""

ALWAYS_LEFT_OUT = frozenset({"openai", "azure"})
"""Dialects that can express every field, so that only the operator knows which of them a server cannot take."""

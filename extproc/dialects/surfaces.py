"""The client surfaces by name, and which of them a request is for."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from extproc.dialects.surface import Surface
from extproc.dialects.surface_anthropic import AnthropicSurface
from extproc.dialects.surface_openai import OpenAiSurface
from extproc.model.plan import Headers
from extproc.model.seams import MESSAGES_PATH, MODELS_PATH, VERSION_HEADER

SURFACES: Mapping[str, Surface] = MappingProxyType({"openai": OpenAiSurface(), "anthropic": AnthropicSurface()})

_MESSAGES = re.compile(MESSAGES_PATH)
_MODELS = re.compile(MODELS_PATH)


def surface_of(headers: Headers) -> str:
    """The name of the surface that a request is for, whatever else is wrong with it.

    ``/v1/messages`` and all below is Anthropic's. ``/v1/models`` is where both look for models: Anthropic's clients say
    which version of its API they speak.
    """
    path = next((value for name, value in headers if name == ":path"), "")
    if _MESSAGES.fullmatch(path):
        return "anthropic"
    is_versioned = any(name == VERSION_HEADER for name, _ in headers)
    return "anthropic" if is_versioned and _MODELS.fullmatch(path) else "openai"

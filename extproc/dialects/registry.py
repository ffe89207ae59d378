"""The dialects by the name that gateway.yaml uses. ``model.dialects`` has what the others know of them."""

from collections.abc import Mapping
from types import MappingProxyType

from extproc.dialects.anthropic import Anthropic
from extproc.dialects.azure import Azure
from extproc.dialects.bedrock import Bedrock
from extproc.dialects.dialect import Dialect
from extproc.dialects.openai import OpenAi
from extproc.dialects.vertex import Vertex
from extproc.dialects.vertex_anthropic import VertexAnthropic

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "openai": OpenAi(),
        "anthropic": Anthropic(),
        "azure": Azure(),
        "bedrock": Bedrock(),
        "vertex": Vertex(),
        "vertex-anthropic": VertexAnthropic(),
    }
)

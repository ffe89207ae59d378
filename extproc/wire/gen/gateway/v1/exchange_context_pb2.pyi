from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExchangeContext(_message.Message):
    __slots__ = ("id", "organisation", "team", "project", "key", "operation", "model", "is_stream", "wants_usage", "plan", "catalog_version", "surface", "started_at_s", "tells_route", "auto")
    ID_FIELD_NUMBER: _ClassVar[int]
    ORGANISATION_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IS_STREAM_FIELD_NUMBER: _ClassVar[int]
    WANTS_USAGE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_S_FIELD_NUMBER: _ClassVar[int]
    TELLS_ROUTE_FIELD_NUMBER: _ClassVar[int]
    AUTO_FIELD_NUMBER: _ClassVar[int]
    id: str
    organisation: str
    team: str
    project: str
    key: str
    operation: str
    model: str
    is_stream: bool
    wants_usage: bool
    plan: _containers.RepeatedCompositeFieldContainer[AttemptLimits]
    catalog_version: str
    surface: str
    started_at_s: float
    tells_route: bool
    auto: str
    def __init__(self, id: _Optional[str] = ..., organisation: _Optional[str] = ..., team: _Optional[str] = ..., project: _Optional[str] = ..., key: _Optional[str] = ..., operation: _Optional[str] = ..., model: _Optional[str] = ..., is_stream: _Optional[bool] = ..., wants_usage: _Optional[bool] = ..., plan: _Optional[_Iterable[_Union[AttemptLimits, _Mapping]]] = ..., catalog_version: _Optional[str] = ..., surface: _Optional[str] = ..., started_at_s: _Optional[float] = ..., tells_route: _Optional[bool] = ..., auto: _Optional[str] = ...) -> None: ...

class AttemptLimits(_message.Message):
    __slots__ = ("deployment", "dialect", "first_token_ms", "total_ms", "idle_ms", "upstream_model", "context_tokens", "degraded")
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_MS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MS_FIELD_NUMBER: _ClassVar[int]
    IDLE_MS_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    deployment: str
    dialect: str
    first_token_ms: int
    total_ms: int
    idle_ms: int
    upstream_model: str
    context_tokens: int
    degraded: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deployment: _Optional[str] = ..., dialect: _Optional[str] = ..., first_token_ms: _Optional[int] = ..., total_ms: _Optional[int] = ..., idle_ms: _Optional[int] = ..., upstream_model: _Optional[str] = ..., context_tokens: _Optional[int] = ..., degraded: _Optional[_Iterable[str]] = ...) -> None: ...

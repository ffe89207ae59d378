from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExchangeContext(_message.Message):
    __slots__ = ("id", "organisation", "team", "project", "key", "operation", "model", "is_stream", "wants_usage", "plan", "catalog_version", "surface", "started_at_s", "tells_route", "auto", "hold", "input_tokens", "output_tokens", "user", "tags", "answer_headers", "verdicts", "has_sealed", "cached")
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
    HOLD_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_HEADERS_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    HAS_SEALED_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
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
    hold: Hold
    input_tokens: int
    output_tokens: int
    user: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    answer_headers: _containers.RepeatedCompositeFieldContainer[AnswerHeader]
    verdicts: _containers.RepeatedCompositeFieldContainer[Verdict]
    has_sealed: bool
    cached: CachedAnswer
    def __init__(self, id: _Optional[str] = ..., organisation: _Optional[str] = ..., team: _Optional[str] = ..., project: _Optional[str] = ..., key: _Optional[str] = ..., operation: _Optional[str] = ..., model: _Optional[str] = ..., is_stream: _Optional[bool] = ..., wants_usage: _Optional[bool] = ..., plan: _Optional[_Iterable[_Union[AttemptLimits, _Mapping]]] = ..., catalog_version: _Optional[str] = ..., surface: _Optional[str] = ..., started_at_s: _Optional[float] = ..., tells_route: _Optional[bool] = ..., auto: _Optional[str] = ..., hold: _Optional[_Union[Hold, _Mapping]] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., user: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., answer_headers: _Optional[_Iterable[_Union[AnswerHeader, _Mapping]]] = ..., verdicts: _Optional[_Iterable[_Union[Verdict, _Mapping]]] = ..., has_sealed: _Optional[bool] = ..., cached: _Optional[_Union[CachedAnswer, _Mapping]] = ...) -> None: ...

class CachedAnswer(_message.Message):
    __slots__ = ("tier", "similarity", "age_s", "saved_micro_usd", "exchange")
    TIER_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    SAVED_MICRO_USD_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    tier: str
    similarity: float
    age_s: float
    saved_micro_usd: int
    exchange: str
    def __init__(self, tier: _Optional[str] = ..., similarity: _Optional[float] = ..., age_s: _Optional[float] = ..., saved_micro_usd: _Optional[int] = ..., exchange: _Optional[str] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("scanner", "direction", "result", "policy", "latency_us", "findings", "count")
    SCANNER_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    scanner: str
    direction: str
    result: str
    policy: str
    latency_us: int
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    count: int
    def __init__(self, scanner: _Optional[str] = ..., direction: _Optional[str] = ..., result: _Optional[str] = ..., policy: _Optional[str] = ..., latency_us: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., count: _Optional[int] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("kind", "place", "start", "end", "score", "via")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    kind: str
    place: str
    start: int
    end: int
    score: float
    via: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[str] = ..., place: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., score: _Optional[float] = ..., via: _Optional[_Iterable[str]] = ...) -> None: ...

class AttemptLimits(_message.Message):
    __slots__ = ("deployment", "dialect", "first_token_ms", "total_ms", "idle_ms", "upstream_model", "context_tokens", "degraded", "price")
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_MS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MS_FIELD_NUMBER: _ClassVar[int]
    IDLE_MS_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    deployment: str
    dialect: str
    first_token_ms: int
    total_ms: int
    idle_ms: int
    upstream_model: str
    context_tokens: int
    degraded: _containers.RepeatedScalarFieldContainer[str]
    price: Price
    def __init__(self, deployment: _Optional[str] = ..., dialect: _Optional[str] = ..., first_token_ms: _Optional[int] = ..., total_ms: _Optional[int] = ..., idle_ms: _Optional[int] = ..., upstream_model: _Optional[str] = ..., context_tokens: _Optional[int] = ..., degraded: _Optional[_Iterable[str]] = ..., price: _Optional[_Union[Price, _Mapping]] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("counters", "buckets", "is_owed")
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    IS_OWED_FIELD_NUMBER: _ClassVar[int]
    counters: _containers.RepeatedCompositeFieldContainer[HeldCounter]
    buckets: _containers.RepeatedScalarFieldContainer[str]
    is_owed: bool
    def __init__(self, counters: _Optional[_Iterable[_Union[HeldCounter, _Mapping]]] = ..., buckets: _Optional[_Iterable[str]] = ..., is_owed: _Optional[bool] = ...) -> None: ...

class HeldCounter(_message.Message):
    __slots__ = ("part", "unit", "budget", "limit", "alert_percents")
    PART_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ALERT_PERCENTS_FIELD_NUMBER: _ClassVar[int]
    part: str
    unit: str
    budget: str
    limit: int
    alert_percents: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, part: _Optional[str] = ..., unit: _Optional[str] = ..., budget: _Optional[str] = ..., limit: _Optional[int] = ..., alert_percents: _Optional[_Iterable[int]] = ...) -> None: ...

class Price(_message.Message):
    __slots__ = ("input", "output", "cached_input", "cache_write", "reasoning", "audio_input", "audio_output", "request", "long_above_tokens", "long")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    CACHED_INPUT_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    AUDIO_INPUT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    LONG_ABOVE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    LONG_FIELD_NUMBER: _ClassVar[int]
    input: int
    output: int
    cached_input: int
    cache_write: int
    reasoning: int
    audio_input: int
    audio_output: int
    request: int
    long_above_tokens: int
    long: Price
    def __init__(self, input: _Optional[int] = ..., output: _Optional[int] = ..., cached_input: _Optional[int] = ..., cache_write: _Optional[int] = ..., reasoning: _Optional[int] = ..., audio_input: _Optional[int] = ..., audio_output: _Optional[int] = ..., request: _Optional[int] = ..., long_above_tokens: _Optional[int] = ..., long: _Optional[_Union[Price, _Mapping]] = ...) -> None: ...

class AnswerHeader(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

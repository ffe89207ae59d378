from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sealed(_message.Message):
    __slots__ = ("guard", "ticket")
    GUARD_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    guard: GuardSecrets
    ticket: Ticket
    def __init__(self, guard: _Optional[_Union[GuardSecrets, _Mapping]] = ..., ticket: _Optional[_Union[Ticket, _Mapping]] = ...) -> None: ...

class GuardSecrets(_message.Message):
    __slots__ = ("canary", "redactions", "schema", "context")
    CANARY_FIELD_NUMBER: _ClassVar[int]
    REDACTIONS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    canary: str
    redactions: _containers.RepeatedCompositeFieldContainer[Redaction]
    schema: str
    context: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, canary: _Optional[str] = ..., redactions: _Optional[_Iterable[_Union[Redaction, _Mapping]]] = ..., schema: _Optional[str] = ..., context: _Optional[_Iterable[str]] = ...) -> None: ...

class Redaction(_message.Message):
    __slots__ = ("placeholder", "original", "kind")
    PLACEHOLDER_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    placeholder: str
    original: str
    kind: str
    def __init__(self, placeholder: _Optional[str] = ..., original: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class Ticket(_message.Message):
    __slots__ = ("partition", "id", "text", "owner", "vector", "ttl_s", "max_entries", "is_first", "embedder", "rival", "rival_similarity")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    MAX_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    IS_FIRST_FIELD_NUMBER: _ClassVar[int]
    EMBEDDER_FIELD_NUMBER: _ClassVar[int]
    RIVAL_FIELD_NUMBER: _ClassVar[int]
    RIVAL_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    partition: str
    id: str
    text: str
    owner: str
    vector: bytes
    ttl_s: float
    max_entries: int
    is_first: bool
    embedder: str
    rival: str
    rival_similarity: float
    def __init__(self, partition: _Optional[str] = ..., id: _Optional[str] = ..., text: _Optional[str] = ..., owner: _Optional[str] = ..., vector: _Optional[bytes] = ..., ttl_s: _Optional[float] = ..., max_entries: _Optional[int] = ..., is_first: _Optional[bool] = ..., embedder: _Optional[str] = ..., rival: _Optional[str] = ..., rival_similarity: _Optional[float] = ...) -> None: ...

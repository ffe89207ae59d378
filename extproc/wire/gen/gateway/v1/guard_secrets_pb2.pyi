from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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

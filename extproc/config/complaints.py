"""The schema's objections in our words: pydantic's errors → problems with a fix. Only this file knows their codes."""

import difflib
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from extproc.config.document import Document, Location

S = TypeVar("S", bound=BaseModel)

_KINDS = {
    "string_type": "is not a text",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "bool_type": "is neither true nor false",
    "list_type": "is not a list",
    "model_type": "is not a section of keys",
    "model_attributes_type": "is not a section of keys",
    "dict_type": "is not a section of keys",
}


def complain(schema: type[S], document: Document) -> S | None:
    """Check a document's tree; None where it has problems, which are then in the document."""
    tree = {} if document.tree is None else document.tree
    try:
        return schema.model_validate(tree)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            location: Location = error["loc"]
            message, fix = _words(schema, location, error)
            document.report(location, message, fix)
        return None


def _words(schema: type[BaseModel], location: Location, error: ErrorDetails) -> tuple[str, str]:
    code = error["type"]
    if code == "missing":
        return "is required", f"Add it: {_wanted(schema, location)}."
    if code == "extra_forbidden":
        return "is not a known key", _suggest(schema, location)
    if code in _KINDS:
        return f"{_KINDS[code]} but {_show(error['input'])}", f"Write {_wanted(schema, location)}."
    return f"{_show(error['input'])} cannot be used here", f"Write {_wanted(schema, location)}."


def _wanted(schema: type[BaseModel], location: Location) -> str:
    """What the schema describes for this place; the key's own section if it has no description."""
    found = _descend(schema, location)
    if isinstance(found, FieldInfo) and found.description:
        return found.description
    model = found if isinstance(found, type) else None
    if isinstance(found, FieldInfo):
        model = _model_in(found.annotation)
    return "a section with " + ", ".join(model.model_fields) if model is not None else "another value"


def _suggest(schema: type[BaseModel], location: Location) -> str:
    around = _descend(schema, location[:-1])
    section = _model_in(around.annotation) if isinstance(around, FieldInfo) else around
    if section is None:
        return "Remove it."
    close = difflib.get_close_matches(str(location[-1]), section.model_fields, n=1)
    return f"Did you mean {close[0]}?" if close else f"Remove it; known here: {', '.join(section.model_fields)}."


def _descend(schema: type[BaseModel], location: Location) -> FieldInfo | type[BaseModel] | None:
    """The field, or for an entry of a list its section, that a location leads to."""
    here: FieldInfo | type[BaseModel] | None = schema
    for step in location:
        if isinstance(step, int):
            here = _item(here)
            continue
        section = _model_in(here.annotation) if isinstance(here, FieldInfo) else here
        here = None if section is None else section.model_fields.get(step)
    return here


def _item(field: FieldInfo | type[BaseModel] | None) -> FieldInfo | type[BaseModel] | None:
    """What one entry of a list field is; the list's own description stands for entries without one."""
    if not isinstance(field, FieldInfo):
        return None
    inner = get_args(field.annotation)[0]
    for part in getattr(inner, "__metadata__", ()):
        if isinstance(part, FieldInfo):
            return part
    return _model_in(inner) or field


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The section among an annotation's alternatives: ``TlsSection | None`` → ``TlsSection``."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _show(value: object) -> str:
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return "a list"
    text = (
        {True: "true", False: "false", None: "null"}[value] if value is None or isinstance(value, bool) else repr(value)
    )
    limit = 60
    return text if len(text) <= limit else text[:limit] + "…"

"""Records to bytes and back: canonical JSON from the types of a frozen dataclass.

Only what the records use is known here: text, numbers, truth values, bytes, times, enums, tuples, frozen sets, mappings by
enum, and nested dataclasses. Anything else is an error, not a guess.
"""

from __future__ import annotations

import json
import types
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from leadglass.errors import MalformedError
from leadglass.model.entry import canonical, moment, timestamp

T = TypeVar("T")


def encode(record: Any) -> bytes:
    """One way only: equal records give equal bytes."""
    return canonical(_plain(record))


def decode(kind: type[T], data: bytes) -> T:
    """The record that ``encode`` wrote.

    Raises:
        MalformedError: the bytes are not such a record.
    """
    try:
        made = _typed(kind, json.loads(data))
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedError(f"a stored {kind.__name__} record cannot be read") from error
    assert isinstance(made, kind)  # noqa: S101 - tells the type checker what _typed has built
    return made


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(item)] for key, item in value.items()]
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"records hold no {type(value).__name__}")


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _typed(kind: Any, value: Any) -> Any:
    if isinstance(kind, NewType):
        return _typed(kind.__supertype__, value)
    if is_dataclass(kind):
        assert isinstance(kind, type)  # noqa: S101 - hints are classes, never instances
        return kind(**{name: _typed(hint, value[name]) for name, hint in _hints(kind).items()})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        return None if value is None else _typed(arguments[0], value)
    if origin is tuple:
        return tuple(_typed(arguments[0], item) for item in value)
    if origin is frozenset:
        return frozenset(_typed(arguments[0], item) for item in value)
    if origin is Mapping:
        return {_typed(arguments[0], key): _typed(arguments[1], item) for key, item in value}
    if kind is datetime:
        return moment(value)
    if kind is bytes:
        return b64decode(value, validate=True)
    if issubclass(kind, StrEnum):
        return kind(value)
    if kind in (str, int, bool) and type(value) is kind:
        return value
    raise TypeError(f"records hold no {kind}")

"""From a request's bytes to the typed arguments of its handler; every fault is named with its place."""

import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec

from supportix.api.refusals import Fault, InvalidRequest, UnsupportedMediaType

BodyT = TypeVar("BodyT", bound=msgspec.Struct)
QueryT = TypeVar("QueryT", bound=msgspec.Struct)

MOST_PARAMETERS = 300

_INTEGER = re.compile(r"-?\d{1,18}")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?([eE][+-]?\d{1,3})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_PATH = re.compile(r" - at `(?:key in )?\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_NUL_RULE = re.compile(r"`str` matching regex '\^\[\^\\\\u0000\]\*\$'")


class Body(Generic[BodyT]):
    """Reads JSON bodies of one kind. Where every field has a default the body may be left out."""

    def __init__(self, kind: type[BodyT]) -> None:
        self.kind = kind
        self.optional = not any(field.required for field in msgspec.structs.fields(kind))
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self, raw: bytes, content_type: bytes | None) -> BodyT:
        """Refused: UnsupportedMediaType, InvalidRequest."""
        if not raw and self.optional:
            return self.kind()
        if content_type is None or content_type.partition(b";")[0].strip().lower() != b"application/json":
            raise UnsupportedMediaType("Content-Type: application/json was expected")
        try:
            return self._decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(*_faults_in_body(raw, self.kind, error)) from error


class Query(Generic[QueryT]):
    """Reads query parameters of one kind; unknown and repeated ones are refused."""

    def __init__(self, kind: type[QueryT]) -> None:
        self.kind = kind
        self._fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        self._many = {name for name, field in self._fields.items() if _is_list(field.type)}

    def read(self, raw: bytes) -> QueryT:
        """Refused: InvalidRequest."""
        if not raw:
            return self._converted({})
        try:
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
            )
        except ValueError as error:
            expected = f"at most {MOST_PARAMETERS} parameters were expected, percent-encoded as UTF-8"
            raise InvalidRequest(Fault("query", expected)) from error
        values: dict[str, Any] = {}
        for name, text in pairs:
            if name in self._many:
                values.setdefault(name, []).append(text)
            elif name in values:
                raise InvalidRequest(Fault("query", "one value was expected", parameter=name))
            else:
                values[name] = text
        return self._converted(values)

    def _converted(self, values: dict[str, Any]) -> QueryT:
        faults = [
            Fault("query", f"one of these parameters was expected: {', '.join(self._fields)}", parameter=name)
            for name in values
            if name not in self._fields
        ]
        found: dict[str, Any] = {}
        for name, field in self._fields.items():
            if name in values:
                try:
                    found[field.name] = parameter(values[name], field.type)
                except msgspec.ValidationError as error:
                    faults.append(Fault("query", expectation(error), parameter=name))
            elif field.required:
                faults.append(Fault("query", "this parameter was expected", parameter=name))
        if faults:
            raise InvalidRequest(*faults)
        return self.kind(**found)


def path_argument(name: str, text: str, kind: Any) -> Any:
    """Refused: InvalidRequest."""
    try:
        return parameter(text, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(Fault("path", expectation(error), parameter=name)) from error


def parameter(text: Any, kind: Any) -> Any:
    """A parameter's text as its type. Raises msgspec.ValidationError."""
    bases = set(_bases(kind))
    if int in bases and _INTEGER.fullmatch(text):
        return msgspec.convert(int(text), kind)
    if float in bases and _NUMBER.fullmatch(text):
        return msgspec.convert(float(text), kind)
    if bool in bases and text in _BOOLEANS:
        return _BOOLEANS[text]
    return msgspec.convert(text, kind)


def expectation(error: msgspec.DecodeError) -> str:
    """What was expected, without the place and in words."""
    text = _PATH.sub("", str(error))
    return _NUL_RULE.sub("text without the character U+0000", text)


def _faults_in_body(raw: bytes, kind: type[msgspec.Struct], error: Exception) -> list[Fault]:
    """All that is wrong with a body, where it is JSON at all: one fault per field."""
    try:
        loaded = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as malformed:
        why = str(malformed) if isinstance(malformed, msgspec.DecodeError) else "it isn't UTF-8 or nested too deeply"
        return [Fault("body", f"a JSON document was expected; {why}", pointer="")]
    if not isinstance(loaded, dict):
        return [Fault("body", "a JSON object was expected", pointer="")]
    faults = list(_faults_in_fields(loaded, kind))
    return faults or [Fault("body", str(error), pointer="")]


def _faults_in_fields(loaded: Mapping[str, Any], kind: type[msgspec.Struct]) -> list[Fault]:
    faults = []
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name not in loaded:
            if field.required:
                faults.append(Fault("body", "this field was expected", pointer=_pointer(name)))
            continue
        try:
            msgspec.convert(loaded[name], field.type)
        except msgspec.ValidationError as error:
            faults.append(Fault("body", expectation(error), pointer=_pointer(name) + _pointer_within(error)))
    expected = f"one of these fields was expected: {', '.join(fields) or 'none'}"
    faults += [Fault("body", expected, pointer=_pointer(name)) for name in loaded if name not in fields]
    return faults


def _pointer(name: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _pointer_within(error: msgspec.ValidationError) -> str:
    found = _PATH.search(str(error))
    return "".join(_pointer(name or index) for name, index in _STEP.findall(found[1])) if found else ""


def _is_list(kind: Any) -> bool:
    return not {list, tuple, frozenset}.isdisjoint(_bases(kind))


def _bases(kind: Any) -> list[Any]:
    """The plain types that an annotation allows."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _bases(get_args(kind)[0])
    if origin in {Union, UnionType}:
        return [base for each in get_args(kind) for base in _bases(each)]
    return [origin or kind]

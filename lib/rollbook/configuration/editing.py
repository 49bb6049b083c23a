"""A value read from, and put into, the text of a configuration file."""

import posixpath
from collections.abc import Mapping
from typing import Final, get_args

from . import lines, trees
from .place import Format, Place, Scalar, Unfit

FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_ENDINGS: Final[Mapping[str, Format]] = {
    ".env": "env",
    ".ini": "ini",
    ".cfg": "ini",
    ".toml": "toml",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
}


def format_of(path: str) -> Format | None:
    """Tell a file's format by its name; None where that does not tell."""
    name = posixpath.basename(path)
    if name.startswith(".env"):
        return "env"
    return next((found for ending, found in _ENDINGS.items() if name.endswith(ending)), None)


def _place(text: str, form: Format, key: str) -> Place:
    match form:
        case "env":
            return lines.env_place(text, key)
        case "ini":
            return lines.ini_place(text, key)
        case "toml":
            return lines.toml_place(text, key)
        case "json":
            return trees.json_place(text, key)
    return trees.yaml_place(text, key)


def _raw(form: Format, value: Scalar) -> str:
    match form:
        case "env":
            return lines.env_raw(value)
        case "ini":
            return lines.ini_raw(value)
        case "toml":
            return lines.toml_raw(value)
        case "json":
            return trees.json_raw(value)
    return trees.yaml_raw(value)


def _value(text: str, form: Format, key: str, place: Place) -> Scalar:
    match form:
        case "env":
            return lines.env_value(text[place.start : place.end])
        case "ini":
            return lines.ini_value(text[place.start : place.end])
        case "toml":
            return lines.toml_value(text, key)
        case "json":
            return trees.json_value(text, key)
    return trees.yaml_value(text, key)


def read(text: str, form: Format, key: str) -> tuple[bool, Scalar]:
    """
    Tell whether a key is there, and its value; in env and ini files every value is a text.

    Raises `Unfit` where the text is not as its format says, or the value is none that could be edited.
    """
    place = _place(text, form, key)
    return (True, _value(text, form, key, place)) if place.there else (False, None)


def put(text: str, form: Format, key: str, value: Scalar) -> str:
    """
    Give the text with *value* at the key, every other byte as it was.

    Nothing is changed where the value is there already, however it is written. Raises `Unfit` as `read` does, and
    where the value cannot be written so that it is read again.
    """
    there, found = read(text, form, key)
    if there and same(form, found, value):
        return text
    edited = _place(text, form, key).filled(text, _raw(form, value))
    if not same(form, read(edited, form, key)[1], value):
        raise Unfit("the value would not be read again as it was written")
    return edited


def same(form: Format, found: Scalar, value: Scalar) -> bool:
    """Tell whether a value found is the one wanted; in env and ini files both are texts."""
    if form in ("env", "ini"):
        return str(found) == (lines.env_value(lines.env_raw(value)) if form == "env" else lines.ini_raw(value))
    return type(found) is type(value) and found == value

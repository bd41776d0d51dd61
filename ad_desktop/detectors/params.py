"""Detector parameters: one frozen dataclass makes the form in the window and the flags of the command line."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from ad_desktop.errors import UserError


def param(
    default: Any,
    help: str,  # noqa: A002 - argparse's own word
    *,
    label: str = "",
    choices: Sequence[Any] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    advanced: bool = False,
    path: bool = False,
    folder: bool = False,
    zero: str = "",
) -> Any:
    """Declare one field of a ``Params`` dataclass with all that a form or a flag needs.

    ``path`` marks a text that names a file (``folder``: a folder); ``advanced`` puts the field behind a disclosure;
    ``zero`` is what a form shows for 0 where that is no number but leaves the choice to the method.
    """
    return field(
        default=default,
        metadata={
            "help": help,
            "label": label,
            "choices": tuple(choices),
            "minimum": minimum,
            "maximum": maximum,
            "advanced": advanced,
            "path": path,
            "folder": folder,
            "zero": zero,
        },
    )


@dataclass(frozen=True)
class ParamInfo:
    """One parameter as a form shows it. ``kind`` is bool, int, float, str, or ints (a tuple of int)."""

    name: str
    kind: str
    default: Any
    help: str
    label: str
    choices: tuple[Any, ...]
    minimum: float | None
    maximum: float | None
    advanced: bool
    path: bool
    folder: bool = False
    zero: str = ""


def describe_params(cls: type) -> list[ParamInfo]:
    """The parameters of a ``Params`` dataclass, in order."""
    hints = typing.get_type_hints(cls)
    found = []
    for f in fields(cls):
        meta = f.metadata
        default = f.default if f.default is not MISSING else None
        label = meta.get("label") or f.name.replace("_", " ").capitalize()
        found.append(
            ParamInfo(
                f.name, _kind(hints[f.name]), default, meta.get("help", ""), label,
                meta.get("choices", ()), meta.get("minimum"), meta.get("maximum"),
                meta.get("advanced", False), meta.get("path", False), meta.get("folder", False),
                meta.get("zero", ""),
            )
        )  # fmt: skip
    return found


def make_params(cls: type, values: Mapping[str, Any]) -> Any:
    """Build a ``Params`` from texts or values; ``UserError`` names what is wrong and what is allowed."""
    known = {p.name: p for p in describe_params(cls)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UserError(f"Unknown parameter {unknown[0]!r}. Known: {', '.join(known)}.")
    return cls(**{name: _convert(known[name], value) for name, value in values.items()})


def parse_range(text: str) -> tuple[float, float] | None:
    """Black and white from LOW,HIGH; None for auto. ``UserError`` for anything else."""
    if text == "auto":
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"value_range={text}: give two numbers such as 0,4095, or auto.") from None
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        raise UserError(f"value_range={text}: the first number has to be below the second.")
    return low, high


def _kind(hint: Any) -> str:
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is tuple:
        return "ints"
    return str(hint.__name__)


_WANTED = {
    "bool": "true or false is",
    "int": "a whole number is",
    "float": "a number is",
    "str": "a text is",
    "ints": "whole numbers such as 4,5,6,7 or 4-7 are",
}


def _convert(info: ParamInfo, value: Any) -> Any:
    try:
        converted = _parse(info.kind, value)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise UserError(f"{info.name}={value}: {_WANTED[info.kind]} needed.") from None
    if info.choices and converted not in info.choices:
        raise UserError(f"{info.name}={value}: choose one of {', '.join(map(str, info.choices))}.")
    for number in converted if info.kind == "ints" else [converted]:
        if info.minimum is not None and number < info.minimum:
            raise UserError(f"{info.name}={value}: at least {info.minimum:g} is needed.")
        if info.maximum is not None and number > info.maximum:
            raise UserError(f"{info.name}={value}: at most {info.maximum:g} is allowed.")
    return converted


def _parse(kind: str, value: Any) -> Any:
    if kind == "bool":
        return value if isinstance(value, bool) else _BOOLS[str(value).lower()]
    if kind == "int":
        return _whole(value)
    if kind == "float":
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
        return number
    if kind == "ints":
        return _parse_ints(value)
    if value is None:
        raise TypeError
    return str(value)


_BOOLS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
LONGEST_RANGE = 1000


def _whole(value: Any) -> int:
    number = int(value)
    if not isinstance(value, str) and number != value:
        raise ValueError
    return number


def _parse_ints(value: Any) -> tuple[int, ...]:
    if not isinstance(value, str):
        return tuple(_whole(v) for v in value)
    numbers: list[int] = []
    for piece in value.replace(" ", "").split(","):
        first, dash, last = piece.partition("-")
        span = range(int(first), int(last if dash else first) + 1)
        if not 0 < len(span) <= LONGEST_RANGE:
            raise ValueError
        numbers.extend(span)
    return tuple(dict.fromkeys(numbers))

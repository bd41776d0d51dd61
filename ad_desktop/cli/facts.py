"""What ``info`` prints: the facts of a path or of the installation, and the parameters of a detector."""

from __future__ import annotations

from typing import Any

from ad_desktop.cli.console import put, put_json, put_table
from ad_desktop.detectors.params import ParamInfo, describe_params
from ad_desktop.detectors.registry import get_detector


def put_facts(facts: dict[str, Any], as_json: bool) -> None:
    """Print facts as one JSON object, or as lines."""
    if as_json:
        put_json(facts)
        return
    for name, value in facts.items():
        if isinstance(value, dict):
            put(f"{name}:{'' if value else ' none'}")
            for key, item in value.items():
                put(f"  {key}: {_text(item)}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            put(f"{name}:")
            for item in value:
                put("  " + _text(item))
        else:
            put(f"{name}: {_text(value)}")


def put_parameters(name: str, as_json: bool) -> None:
    """Print the parameters of the detector ``name``; ``UserError`` if there is none of that name."""
    kind = get_detector(name)
    infos = describe_params(kind.Params)
    if as_json:
        put_json({"detector": name, "summary": kind.summary, "parameters": [vars(info) for info in infos]})
        return
    put(f"{kind.title}: {kind.summary}")
    put_table(("Parameter", "Default", "Meaning"), [(info.name, _text(info.default), _meaning(info)) for info in infos])


def _meaning(info: ParamInfo) -> str:
    choices = f" One of: {', '.join(map(str, info.choices))}." if info.choices else ""
    return f"{info.help}.{choices}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "–" if value is None else str(value)

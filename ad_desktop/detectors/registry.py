"""All detectors there are: every module of this package that defines one is found by itself."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ad_desktop.detectors.base import Detector
from ad_desktop.errors import UserError

DEFAULT = "gaussian-ad"


@cache
def detectors() -> dict[str, type[Detector]]:
    """Every detector class by name, the default one first."""
    from ad_desktop import detectors as package

    found: dict[str, type[Detector]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            continue
        members = vars(importlib.import_module(f"{package.__name__}.{module.name}")).values()
        for member in members:
            if isinstance(member, type) and issubclass(member, Detector) and "name" in vars(member):
                found[member.name] = member
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT, item[0])))


def get_detector(name: str) -> type[Detector]:
    """The detector class called ``name``; ``UserError`` lists the names there are."""
    try:
        return detectors()[name]
    except KeyError:
        raise UserError(f"Unknown detector {name!r}. Known: {', '.join(detectors())}.") from None

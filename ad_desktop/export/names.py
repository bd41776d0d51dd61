"""Names for exported files: unique, readable, and allowed on every system."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ad_desktop.data.samples import Sample, VolumeSample

MAX_BYTES = 180
# Not allowed in names on Windows; control characters and halves of characters nowhere.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def export_names(samples: Sequence[Sample]) -> list[str]:
    """A name for each sample: its path below the samples' common folder, without suffix, ``/`` between folders.

    Pages of one file get ``_page1`` and so on. Samples that differ only in suffix, in case or in
    Unicode form get their suffix, then a number, added. Reserved characters become ``_``; other Unicode
    stays. The names depend on the samples and their order only.
    """
    # Not resolve(): a link is called what its own path says.
    parents = [Path(os.path.abspath(s.path)).parent for s in samples]  # noqa: PTH100
    root = _common_folder(parents)
    plain = [_name(sample, parent, root) for sample, parent in zip(samples, parents, strict=True)]
    shared = Counter(map(_same, plain))
    taken: set[str] = set()
    last: Counter[str] = Counter()
    names = []
    for sample, name in zip(samples, plain, strict=True):
        suffix = sample.path.suffix[1:]
        wanted = f"{name}_{_clean(suffix)}" if shared[_same(name)] > 1 and suffix else name
        unique = wanted
        while _same(unique) in taken:
            last[_same(wanted)] += 1
            unique = f"{wanted}_{last[_same(wanted)] + 1}"
        taken.add(_same(unique))
        names.append(unique)
    return names


def _common_folder(parents: Sequence[Path]) -> Path | None:
    try:
        return Path(os.path.commonpath(parents))
    except ValueError:
        # No samples, or samples on several drives.
        return None


def _name(sample: Sample, parent: Path, root: Path | None) -> str:
    folders = parent.parts if root is None else parent.relative_to(root).parts
    page = "" if sample.page is None else f"_page{sample.page + 1}"
    # A scan gets a folder of its own; .nii.gz is one suffix.
    stem = sample.path.name.removesuffix(".gz").removesuffix(".nii") if _is_scan(sample) else sample.path.stem
    return "/".join([*map(_clean_folder, folders), _clean(stem, page)])


def _is_scan(sample: Sample) -> bool:
    return isinstance(sample, VolumeSample)


def _clean_folder(part: str) -> str:
    # A folder "a.png" must not stand where the picture of a sample "a" goes.
    name = _clean(part)
    return name if Path(name).suffix == "" else f"{name}_"


def _clean(part: str, ending: str = "") -> str:
    """One part of a path, allowed everywhere; ``ending`` survives shortening."""
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", part))
    room = MAX_BYTES - len(ending)
    name = name.encode()[:room].decode(errors="ignore")
    name = name.rstrip(". ") or "_"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return name + ending


def _same(name: str) -> str:
    """Equal for names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())

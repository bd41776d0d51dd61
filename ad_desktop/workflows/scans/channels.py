"""Scans that belong together, such as PET and CT of one visit: the first is what is scored, the others come with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ad_desktop.data.samples import Failure, Sample, VolumeSample
from ad_desktop.data.volumes.opening import SeriesInfo, find_volumes, load_volume
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.errors import InputError, UnsuitedError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.scans.slicer import Opener

SYNONYMS = {"PET": "PT", "MRI": "MR"}
"""What people write for DICOM's words."""


def channel_names(text: str) -> tuple[str, ...]:
    """The channels that a user wrote, such as ``PT,CT``; none for nothing; ``UserError``."""
    names = tuple(name.strip() for name in text.split(",")) if text.strip() else ()
    if names and (len(names) < 2 or len({_word(name) for name in names}) < len(names) or not all(map(_word, names))):
        raise UserError(f"channels={text}: name two or more different kinds of scans, such as PT,CT or T1,FLAIR.")
    return names


class Channels:
    """Finds for each scan of the first channel its partners of the others.

    A scan is of a channel by its modality, or by the channel's name as a word of its path or its title. Partners have
    the scan's frame of reference or, where one of both files names none, its path but for that word. They are looked
    for among ``given`` scans, in the scan's folder, and in the one above.
    """

    def __init__(self, names: Sequence[str], given: Sequence[VolumeSample], task: Task) -> None:
        self.names = tuple(names)
        self._folders: dict[Path, list[SeriesInfo]] = {}
        self._given = [info for path in {sample.path: None for sample in given} for info in self._listed(path, task)]

    def scored(self, samples: Sequence[VolumeSample], task: Task) -> tuple[list[VolumeSample], list[Failure]]:
        """The samples of the first channel, and those that are of none."""
        kinds = {sample.key: self._kind(sample, task) for sample in samples}
        wrong = f"it is of none of the channels {', '.join(self.names)}: by neither its modality nor its name"
        failures = [Failure(str(sample.path), wrong) for sample in samples if kinds[sample.key] is None]
        return [sample for sample in samples if kinds[sample.key] == self.names[0]], failures

    def without_partners(self, samples: Sequence[VolumeSample], task: Task) -> list[VolumeSample]:
        """The samples that are not of the other channels."""
        return [sample for sample in samples if self._kind(sample, task) not in self.names[1:]]

    def partners(self, sample: VolumeSample, task: Task) -> list[VolumeSample]:
        """Those of a scan, in the order of the channels; ``InputError`` where one is missing.

        ``UnsuitedError`` for a scan that is not of the first channel.
        """
        own = self._told(sample, task)
        if self._channel(own) != self.names[0]:
            raise UnsuitedError(
                sample.path, f"the model is of {self.names[0]} scans, which others only come with: it is not scored"
            )
        return [self._partner(own, name, task).sample for name in self.names[1:]]

    def _partner(self, own: SeriesInfo, name: str, task: Task) -> SeriesInfo:
        kind: list[SeriesInfo] = []
        folder = own.sample.path if own.sample.path.is_dir() else own.sample.path.parent
        for place in (None, folder, folder.parent):
            kind += [i for i in (self._listed(place, task) if place else self._given) if self._channel(i) == name]
            found = [info for info in kind if self._together(own, info, name)]
            if found:
                # Such as the scan proper beside its scout.
                return max(found, key=lambda info: info.slices)
        elsewhere = any(info.study and info.study == own.study for info in kind)
        raise InputError(
            own.sample.path,
            f"the {name} beside it is in another frame of reference: they cannot be laid over each other"
            if elsewhere
            else f"no {name} comes with it. It has to lie beside it or be given along, in the same frame of reference, "
            f"or under the same name with {name} in place of {self.names[0]}",
        )

    def _together(self, own: SeriesInfo, info: SeriesInfo, name: str) -> bool:
        if own.frame_of_reference and info.frame_of_reference:
            return own.frame_of_reference == info.frame_of_reference
        return _without(own.sample.path, self.names[0]) == _without(info.sample.path, name)

    def _channel(self, info: SeriesInfo) -> str | None:
        for name in self.names:
            if info.modality and _word(name) == _word(info.modality):
                return name
        words = [*_words(str(info.sample.path)), *_words(info.description)]
        # The word that is closest to the file's own name.
        places = {name: len(words) - words[::-1].index(_word(name)) for name in self.names if _word(name) in words}
        return max(places, key=lambda name: places[name]) if places else None

    def _kind(self, sample: VolumeSample, task: Task) -> str | None:
        try:
            return self._channel(self._told(sample, task))
        except InputError:
            return None

    def _told(self, sample: VolumeSample, task: Task) -> SeriesInfo:
        known = [*self._given, *self._listed(sample.path, task)]
        for info in known:
            if info.sample.key == sample.key:
                return info
        raise InputError(sample.path, "its headers cannot be read")

    def _listed(self, path: Path, task: Task) -> list[SeriesInfo]:
        if path not in self._folders:
            self._folders[path] = find_volumes([path], task).series
        return self._folders[path]


def without_partners(model: FittedModel, samples: Sequence[Sample], task: Task) -> list[Sample]:
    """What a model scores of samples: scans that only come with others are left out, and ``task`` gets a note."""
    names = channel_names(model.scans.settings.channels) if model.scans else ()
    scans = [sample for sample in samples if isinstance(sample, VolumeSample)]
    if not names or not scans:
        return list(samples)
    scored = {sample.key for sample in Channels(names, scans, task).without_partners(scans, task)}
    kept = [sample for sample in samples if not isinstance(sample, VolumeSample) or sample.key in scored]
    if len(kept) < len(samples):
        task.note(
            f"Not scored by themselves, but with the {names[0]} scans that they belong to: {len(samples) - len(kept)}."
        )
    return kept


def with_partners(opener: Opener, channels: Channels) -> Opener:
    """An opener whose volumes bring their partners along."""

    def opened(sample: VolumeSample, task: Task) -> Volume:
        partners = channels.partners(sample, task)
        volume = opener(sample, task)
        # The unit that a user named is that of the scan itself.
        return replace(volume, partners=tuple(load_volume(partner, task) for partner in partners))

    return opened


def _word(text: str) -> str:
    return SYNONYMS.get(text.strip().upper(), text.strip().upper())


def _words(text: str) -> list[str]:
    return [_word(word) for word in re.split(r"[^A-Za-z0-9]+", text) if word]


def _without(path: Path, name: str) -> list[str]:
    """The words of a path without the last one that names the channel."""
    words = _words(str(path))
    if _word(name) in words:
        del words[len(words) - 1 - words[::-1].index(_word(name))]
    return words

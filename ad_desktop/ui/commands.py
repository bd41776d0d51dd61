"""What the Edit menu can undo: labels, lessons for the model, additions, removals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtGui import QUndoCommand, QUndoStack

from ad_desktop.data.samples import Label, Sample
from ad_desktop.ui.items import Item
from ad_desktop.ui.session import Session
from ad_desktop.ui.wording import counted

ChangeNormals = Callable[[Sequence[Sample], Sequence[str]], None]
"""Lets samples join and leave (by key) the normal set of the model."""


def _count(items: Sequence[Item]) -> str:
    return counted([item.sample for item in items])


class SetLabel(QUndoCommand):
    """Label items."""

    def __init__(self, session: Session, items: Sequence[Item], label: Label) -> None:
        super().__init__(f"label {_count(items)} as {label.value}")
        self._session = session
        self._before = {item.key: item.label for item in items}
        self._after = dict.fromkeys(self._before, label)

    def redo(self) -> None:
        """Set the new label."""
        self._session.set_labels(self._after)

    def undo(self) -> None:
        """Set the labels that were there before."""
        self._session.set_labels(self._before)


class Teach(SetLabel):
    """Label items and let the model follow at once: a false alarm joins its normal pictures, a defect leaves them."""

    def __init__(self, session: Session, items: Sequence[Item], label: Label, change: ChangeNormals) -> None:
        super().__init__(session, items, label)
        what = "add {} to the normal ones" if label is Label.NORMAL else "call {} a defect"
        self.setText(what.format(_count(items)))
        self._change = change
        known = set(session.normal_keys)
        good = label is Label.NORMAL
        moved = [item.sample for item in items if (item.key in known) is not good and not (good and item.error)]
        self._join, self._leave = (moved, []) if good else ([], moved)

    def redo(self) -> None:
        """Set the label and teach the model."""
        super().redo()
        self._follow(self._join, self._leave)

    def undo(self) -> None:
        """Take both back."""
        super().undo()
        self._follow(self._leave, self._join)

    def _follow(self, join: Sequence[Sample], leave: Sequence[Sample]) -> None:
        if join or leave:
            self._change(join, [sample.key for sample in leave])


class AddItems(QUndoCommand):
    """Add items to the library."""

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        super().__init__(f"add {_count(items)}")
        self._session = session
        self._items = list(items)

    def redo(self) -> None:
        """Add them."""
        self._session.add(self._items)

    def undo(self) -> None:
        """Take them out again."""
        self._session.remove(self._items)


class RemoveItems(QUndoCommand):
    """Take items out of the library; the files stay where they are."""

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        super().__init__(f"remove {_count(items)}")
        self._session = session
        keys = {item.key for item in items}
        self._items = [item for key, item in session.items.items() if key in keys]
        self._places: list[int] = []

    def redo(self) -> None:
        """Take them out."""
        self._places = self._session.remove(self._items)

    def undo(self) -> None:
        """Put them back where they were."""
        self._session.add(self._items, at=self._places)


class Edits:
    """The edits a user makes, each one undoable."""

    def __init__(self, session: Session, stack: QUndoStack, change: ChangeNormals) -> None:
        self._session = session
        self._change = change
        self.stack = stack

    def label(self, items: Sequence[Item], label: Label) -> None:
        """Label items; those that have the label already are left out."""
        changed = [item for item in items if item.label is not label]
        if changed:
            self.stack.push(SetLabel(self._session, changed, label))

    def teach(self, items: Sequence[Item], label: Label) -> list[Item]:
        """Label items and let the model follow at once; those returned are not so already, in label or model."""
        known = set(self._session.normal_keys)
        good = label is Label.NORMAL
        fitted = self._session.model is not None
        wrong = [item for item in items if item.label is not label or (fitted and (item.key in known) is not good)]
        if wrong:
            self.stack.push(Teach(self._session, wrong, label, self._change))
        return wrong

    def add(self, items: Sequence[Item]) -> list[Item]:
        """Add items that are not there yet, and return them."""
        known = self._session.items
        new = list({item.key: item for item in items if item.key not in known}.values())
        if new:
            self.stack.push(AddItems(self._session, new))
        return new

    def remove(self, items: Sequence[Item]) -> None:
        """Take items out of the library."""
        if items:
            self.stack.push(RemoveItems(self._session, items))

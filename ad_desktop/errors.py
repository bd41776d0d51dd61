"""Errors whose text is written for the person at the keyboard."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Something the user can mend; ``str(error)`` is the whole message, shown as it is."""


class InputError(UserError):
    """One input that cannot be used; the rest of a batch goes on.

    ``path`` is the file, ``reason`` says what is wrong with it and what to do.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason


class UnsuitedError(InputError):
    """An input with which nothing is wrong, but that the model is not for."""


class ModelFileError(UserError):
    """A model file that cannot be read, or that does not match what is installed here."""


class WeightsError(UserError):
    """Network weights that are missing, damaged or not the ones expected."""


class Cancelled(Exception):  # noqa: N818 - an outcome, not an error
    """Raised inside a workflow at the next check after its ``Task`` was cancelled."""

"""Downloads one file: with progress, cancel and hash check; whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ad_desktop.data.atomic import atomic_path
from ad_desktop.errors import UserError, WeightsError
from ad_desktop.task import Task

TIMEOUT_SECONDS = 10.0
_CHUNK = 1 << 18


def is_offline() -> bool:
    """Whether the environment says that the network must not be used."""
    values = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "AD_DESKTOP_OFFLINE"))
    return any(value.strip().lower() in ("1", "true", "yes", "on") for value in values)


def download(url: str, path: Path, sha256_prefix: str, task: Task) -> None:
    """Download ``url`` to ``path`` if its SHA-256 begins with ``sha256_prefix``.

    Progress in bytes goes to ``task``, whose cancelling stops it (``Cancelled``) and leaves nothing
    behind. ``WeightsError`` if there is no connection within 10 s, it breaks off, or the hash differs.
    """
    if not url.startswith(("https://", "http://")):
        raise WeightsError(f"{url} is not a web address")
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "ad-desktop"})  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as part, part.open("wb") as file:
                _copy(answer, file, f"Downloading {PurePosixPath(url).name}", sha256_prefix, task)
    except WeightsError:
        raise
    except UserError as error:
        raise WeightsError(str(error).rstrip(".")) from error
    except (OSError, http.client.HTTPException) as error:
        raise _failed(error) from error


def _copy(answer: http.client.HTTPResponse, file: BinaryIO, message: str, sha256_prefix: str, task: Task) -> None:
    total = int(answer.headers.get("Content-Length") or 0)
    digest = hashlib.sha256()
    done = 0
    task.report(message, 0, total)
    while chunk := _read(answer):
        file.write(chunk)
        digest.update(chunk)
        done += len(chunk)
        task.report(message, done, total)
    if done < total:
        raise WeightsError(f"the connection broke off after {done} of {total} bytes")
    if not digest.hexdigest().startswith(sha256_prefix):
        raise WeightsError(f"what {answer.url} gave does not have the SHA-256 that begins with {sha256_prefix}")


def _read(answer: http.client.HTTPResponse) -> bytes:
    # Told apart from errors in writing the file, which are OSErrors as well.
    try:
        return answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _failed(error) from error


def _failed(error: Exception) -> WeightsError:
    reason = error.reason if type(error) is urllib.error.URLError else error
    return WeightsError(f"the download failed ({str(reason) or type(error).__name__})")

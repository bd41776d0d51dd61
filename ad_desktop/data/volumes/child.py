"""The process that reads volume files: what kills it leaves the program alive.

It answers requests on standard input with messages on standard output, each a line of JSON; an array's bytes
follow its line. Only what a file needs is imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

IDLE_SECONDS = 300.0
"""How long it waits for the next request before it ends by itself."""


def main() -> int:
    """Serve until standard input closes."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Libraries print what they like; only messages may go to the pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program decides what a Ctrl+C stops
    warnings.simplefilter("ignore")
    while True:
        idle = threading.Timer(IDLE_SECONDS, os._exit, (0,))
        idle.daemon = True
        idle.start()
        line = requests.readline()
        idle.cancel()
        if not line:
            return 0
        _answer(json.loads(line), answers)


def _answer(request: dict[str, Any], answers: IO[bytes]) -> None:
    def send(message: dict[str, Any], data: Any = None) -> None:
        answers.write(json.dumps(message).encode() + b"\n")
        if data is not None:
            answers.write(data)
        answers.flush()

    send({"is": "started"})
    _limit_memory(request["memory"])
    try:
        _DO[request["do"]](request, send)
    except BrokenPipeError:
        os._exit(0)
    except BaseException as error:
        send({"is": "error", **told(error)})
    else:
        send({"is": "done"})


def told(error: BaseException) -> dict[str, str]:
    """Why a file cannot be used, in words, and which one if the error knows."""
    from ad_desktop.data.images import named_failures
    from ad_desktop.data.readers.base import UnreadableError
    from ad_desktop.errors import InputError

    try:
        with named_failures(Path()):
            raise error
    except InputError as known:
        return {"path": known.path if isinstance(error, InputError) else "", "reason": known.reason}
    except (RecursionError, UnreadableError):
        return {"path": "", "reason": "the file is damaged: it is nested too deeply"}
    except BaseException as other:
        detail = " ".join(str(other).split())[-160:] or type(other).__name__
        return {"path": "", "reason": f"the file is damaged or incomplete: copy or export it again ({detail})"}


def _describe(request: dict[str, Any], send: Callable[..., None]) -> None:
    """The headers of files, one message each, in order."""
    from ad_desktop.data.volumes.dicom.drawings import read_drawing
    from ad_desktop.data.volumes.dicom.headers import read_frames
    from ad_desktop.data.volumes.readers import reader_by_name

    for name in request["paths"]:
        path = Path(name)
        try:
            reader = reader_by_name(path)
            if reader is not None:
                send({"is": "volume", "header": asdict(reader.describe(path))})
            else:
                frames = read_frames(path)
                drawing = None if frames else read_drawing(path)
                told_of = None if drawing is None else asdict(drawing)
                send({"is": "dicom", "frames": [asdict(frame) for frame in frames], "drawing": told_of})
        except Exception as error:
            send({"is": "failed", "reason": told(error)["reason"]})


def _read_file(request: dict[str, Any], send: Callable[..., None]) -> None:
    from ad_desktop.data.volumes.readers import reader_by_name

    path = Path(request["path"])
    reader = reader_by_name(path)
    if reader is None:
        raise ValueError("no volume file")
    _send_array(reader.read(path, request["part"]), send)


def _read_frames(request: dict[str, Any], send: Callable[..., None]) -> None:
    from ad_desktop.data.volumes.dicom.frames import Frame
    from ad_desktop.data.volumes.dicom.pixels import read_stack

    slots = [None if told is None else Frame.from_json(told) for told in request["frames"]]
    said: dict[str, list[str]] = {}
    array = read_stack(
        slots, request["factor"], lambda done, total: send({"is": "progress", "done": done, "total": total}), said
    )
    if said:
        send({"is": "said", "texts": said})
    _send_array(array, send)


def _digest(request: dict[str, Any], send: Callable[..., None]) -> None:
    """A hash of each image's values."""
    from ad_desktop.data.volumes.dicom.frames import Frame
    from ad_desktop.data.volumes.dicom.pixels import read_stack

    for told_frame in request["frames"]:
        array = read_stack([Frame.from_json(told_frame)], 1.0, lambda done, total: None, {})
        send({"is": "digest", "sha256": hashlib.sha256(array.tobytes()).hexdigest()})


def _send_array(array: Any, send: Callable[..., None]) -> None:
    import numpy as np

    whole = np.ascontiguousarray(array)
    send({"is": "array", "dtype": whole.dtype.str, "shape": whole.shape}, whole.reshape(-1).view(np.uint8).data)


def _limit_memory(most: int) -> None:
    """Let this process grow by ``most`` bytes at most, where the system can hold it to that."""
    if sys.platform != "linux":
        return
    import resource

    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = now + most
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


_DO = {"describe": _describe, "file": _read_file, "frames": _read_frames, "digest": _digest}

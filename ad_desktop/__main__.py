"""Entry point: a command runs without Qt, anything else opens the window."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from ad_desktop.program import MAKE_CLIP_GRAPH, MAKE_GRAPH, READ_VOLUMES, restore_library_path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``arguments`` (default: the process's own) and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    restore_library_path()
    if given == [READ_VOLUMES]:
        from ad_desktop.data.volumes.child import main as read_volumes

        return read_volumes()
    if len(given) == 2 and given[0] == MAKE_GRAPH:
        from ad_desktop.detectors.nets.export import main as make_graph

        return make_graph(given[1])
    if len(given) == 2 and given[0] == MAKE_CLIP_GRAPH:
        from ad_desktop.detectors.nets.clip.graph import main as make_clip_graph

        return make_clip_graph(given[1])
    from ad_desktop.cli.main import COMMANDS
    from ad_desktop.cli.main import main as run_command

    if given and given[0] == "sample" and not {"--no-window", "--help", "-h", "--json"} & set(given):
        if has_display():
            return _open_window([], sample=True)
        print("ad-desktop: there is no display, so the sample's results go to a folder.", file=sys.stderr)  # noqa: T201
        return run_command(given)
    if given and (given[0] in COMMANDS or given[0].startswith("-")):
        return run_command(given)
    if not has_display():
        print(  # noqa: T201
            "ad-desktop: there is no display to open the window on. Use a command instead: ad-desktop --help",
            file=sys.stderr,
        )
        return 2
    return _open_window(given)


def has_display() -> bool:
    """Whether a window can be opened: always assumed on Windows and macOS, by the environment elsewhere."""
    if sys.platform in ("win32", "darwin"):
        return True
    chosen = os.environ.get("QT_QPA_PLATFORM", "")
    return bool(chosen) or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_window(paths: Sequence[str], sample: bool = False) -> int:
    # Nothing that an import makes is garbage, and looking for some takes a tenth of the start.
    gc.disable()
    try:
        from ad_desktop.app import run

        return run(paths, sample=sample)
    finally:
        gc.enable()


if __name__ == "__main__":
    sys.exit(main())

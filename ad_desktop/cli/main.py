"""The command line: the window's twin, without Qt."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ad_desktop import __version__
from ad_desktop.errors import Cancelled, UserError

ALL_DONE, SOME_FAILED, NOTHING_DONE = 0, 1, 2
COMMANDS = ("fit", "update", "predict", "evaluate", "info", "convert", "export", "sample")

EPILOG = """\
Without a command, ad-desktop opens the window, with the files and folders given.
Exit codes: 0 all done; 1 finished, but some inputs failed (they are listed); 2 wrong use, or nothing could be done.
Results go to standard output, messages to standard error."""


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; messages go to standard error."""
    parser = make_parser()
    try:
        chosen = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        run: Callable[[Any], int] = chosen.run
        return run(chosen)
    except UserError as error:
        print(f"ad-desktop: {error}", file=sys.stderr)  # noqa: T201 - the command line speaks here
        return NOTHING_DONE
    except (KeyboardInterrupt, Cancelled):
        print("ad-desktop: stopped; nothing that was not finished is kept.", file=sys.stderr)  # noqa: T201
        return NOTHING_DONE
    except BrokenPipeError:
        # Whoever read the results has left (such as head); that is their right. What is still buffered has to go
        # somewhere, or the interpreter complains as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ALL_DONE
    except OSError as error:
        # Such as a full disk behind standard output.
        print(f"ad-desktop: the system refused: {error}.", file=sys.stderr)  # noqa: T201
        return NOTHING_DONE
    except Exception:
        # Left to Python, the exit code would be 1, which promises results.
        traceback.print_exc()
        print("ad-desktop: this is a fault of the program. Please report it with the lines above.", file=sys.stderr)  # noqa: T201
        return NOTHING_DONE


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands. Nothing heavy is imported to make it."""
    parser = argparse.ArgumentParser(
        "ad-desktop",
        usage="ad-desktop [PATH ...]\n       ad-desktop COMMAND ...",
        description="Learn what is normal from pictures or scans, and show what is not.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ad-desktop {__version__}")
    # The prog of its own keeps the two lines of usage out of every command's help.
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog="ad-desktop")
    _add_fit(commands)
    _add_update(commands)
    _add_predict(commands)
    _add_evaluate(commands)
    _add_info(commands)
    _add_convert(commands)
    _add_export(commands)
    _add_sample(commands)
    return parser


def _command(commands: Any, name: str, summary: str, **more: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False, **more,
    )  # fmt: skip
    parser.set_defaults(run=lambda chosen: _run(name, chosen))
    return parser


def _run(name: str, chosen: argparse.Namespace) -> int:
    # Imported here, so that help and wrong use answer at once.
    from ad_desktop.cli import commands

    function: Callable[[argparse.Namespace], int] = getattr(commands, f"run_{name}")
    return function(chosen)


def _json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="machine-readable results on standard output")


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda or cuda:N (default: auto)")


def _add_fit(commands: Any) -> None:
    parser = _command(
        commands, "fit", "Fit a model on normal pictures or scans.",
        epilog="See the parameters for --set with: ad-desktop info --detector NAME",
    )  # fmt: skip
    parser.add_argument(
        "normal", nargs="*", type=Path, metavar="NORMAL", help="folders or files of normal pictures or scans"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="MODEL", help="model file to write")
    parser.add_argument("--detector", default="gaussian-ad", metavar="NAME", help="method (default: gaussian-ad)")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the detector"
    )
    parser.add_argument(
        "--fpr", type=float, default=0.05, metavar="RATE", help="accepted false-positive rate (default: 0.05)"
    )
    parser.add_argument(
        "--roi", type=Path, metavar="FILE.json", help="region of interest: shapes to examine or to ignore"
    )
    parser.add_argument("--border", type=int, default=0, metavar="PX", help="ignore this many pixels along the border")
    parser.add_argument(
        "--tile", type=int, default=0, metavar="PX",
        help="cut pictures larger than this into tiles of this side, for small defects (default: 0, do not)",
    )  # fmt: skip
    parser.add_argument("--overlap", type=int, metavar="PX", help="overlap of tiles (default: a quarter of a tile)")
    parser.add_argument("--min-region", type=int, default=0, metavar="PX", help="do not mark regions smaller than this")
    parser.add_argument(
        "--threshold", default="held-out", choices=("held-out", "chi2"), help="where the threshold comes from"
    )
    parser.add_argument(
        "--groups", default="auto", metavar="RULE",
        help="which normal inputs belong together: auto, none, folder, regex:PATTERN or FILE.csv (path,group)",
    )  # fmt: skip
    _add_scan_settings(parser.add_argument_group("scans", "how normal scans are looked at; the model keeps it"))
    _device(parser)
    _json_flag(parser)


def _add_scan_settings(scans: Any) -> None:
    scans.add_argument("--axis", default="axial", choices=("axial", "coronal", "sagittal"), help="how they are cut")
    scans.add_argument(
        "--slices", default="all", metavar="RANGE", help="all, FIRST:LAST counted from 1, or shares such as 20%%:80%%"
    )
    scans.add_argument("--step", default="1", metavar="N", help="learn from every n-th slice only")
    scans.add_argument(
        "--window", default="auto", metavar="WINDOW",
        help="black and white: LOW,HIGH, soft-tissue, lung, bone, brain, percentile or auto",
    )  # fmt: skip
    scans.add_argument(
        "--mask", default="auto", metavar="MASK",
        help="what is looked at: auto, none, body, brain (in MR), a mask, or a folder in which each scan's mask has "
        "the scan's name",
    )  # fmt: skip
    scans.add_argument(
        "--channels", default="", metavar="NAMES",
        help="scans that belong together, such as PT,CT or T1,FLAIR: the first is scored, the others come with it "
        "(autopaint)",
    )  # fmt: skip
    scans.add_argument(
        "--lesions", default="", metavar="MASK",
        help="known lesions of normal scans, a mask or a folder as for --mask: slices that show them are not learned "
        "(autopaint: with --set align=none)",
    )  # fmt: skip
    scans.add_argument(
        "--bands", default="auto", metavar="MM",
        help="compare slices with those of the same height in the body, in bands of so many mm: auto, none or a number",
    )  # fmt: skip
    scans.add_argument(
        "--align", default="none", choices=("auto", "affine", "none"),
        help="lay scans over the normal ones before they are cut (affine), or not; auto: brains in MR only. AutoPaint "
        "has --set align",
    )  # fmt: skip
    scans.add_argument(
        "--even", default="true", choices=("true", "false"),
        help="bring how bright aligned scans in no unit (MR) are to the normal ones",
    )  # fmt: skip
    scans.add_argument("--min-ml", default="0", metavar="ML", help="do not mark regions smaller than this")
    scans.add_argument(
        "--peak",
        default="1",
        metavar="TIMES",
        help="mark only regions that rise to so many times the map's threshold",
    )
    scans.add_argument(
        "--above", default="none", metavar="VALUE", help="mark only what is brighter, in the scan's unit, such as 2.5"
    )
    scans.add_argument("--unit", default="", metavar="UNIT", help="unit of files that name none, such as HU or SUVbw")


def _add_update(commands: Any) -> None:
    parser = _command(
        commands, "update", "Add or remove normal pictures or scans of a fitted model, without reading the others."
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="model file, replaced by the updated one")
    parser.add_argument(
        "--add", nargs="+", type=Path, default=[], metavar="PATH", help="normal pictures or scans to add"
    )
    parser.add_argument("--remove", nargs="+", type=Path, default=[], metavar="PATH", help="those to remove")
    parser.add_argument("--out", type=Path, metavar="MODEL", help="write the updated model here instead")
    _device(parser)
    _json_flag(parser)


def _add_predict(commands: Any) -> None:
    parser = _command(commands, "predict", "Score pictures or scans with a fitted model.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folders or files to check")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write pictures, masks, maps and tables here")
    parser.add_argument(
        "--export", default="overlay,mask,map,csv,json", metavar="KINDS", help="what to write (default: %(default)s)"
    )
    parser.add_argument("--dicom-seg", action="store_true", help="write a DICOM SEG for each DICOM series, too")
    parser.add_argument(
        "--dicom-sc", action="store_true",
        help="write the key slice of each DICOM series as a DICOM Secondary Capture, too",
    )  # fmt: skip
    _device(parser)
    _json_flag(parser)


def _add_evaluate(commands: Any) -> None:
    parser = _command(commands, "evaluate", "Measure a model on pictures or scans in the layout of MVTec AD.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument(
        "dataset", type=Path, metavar="DATASET", help="folder with test/good, test/<defect>, ground_truth"
    )
    _device(parser)
    _json_flag(parser)


def _add_info(commands: Any) -> None:
    parser = _command(commands, "info", "Show this installation, or what models, pictures and scans are.")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="model, picture, scan or folder")
    parser.add_argument("--detector", metavar="NAME", help="show the parameters of a detector")
    _json_flag(parser)


def _add_convert(commands: Any) -> None:
    parser = _command(commands, "convert", "Write a scan as NIfTI: CT in HU, PET in SUV where its file allows it.")
    parser.add_argument("scan", type=Path, metavar="SCAN", help="volume file, DICOM file, or folder of DICOM files")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.nii.gz", help="file to write")
    parser.add_argument("--series", metavar="UID|N", help="which scan of a folder: its UID, or its number in the list")
    parser.add_argument("--unit", choices=("HU", "SUVbw", "none"), help="the unit of a scan that does not name one")
    _json_flag(parser)


def _add_export(commands: Any) -> None:
    parser = _command(commands, "export", "Write a model of AnomalyCLIP for other programs.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--prompts", type=Path, metavar="FILE.pth", help="learned prompts, as AnomalyCLIP's code reads")
    parser.add_argument(
        "--onnx", type=Path, metavar="FILE.onnx",
        help="image in, map and score out, as one ONNX graph that is compared with torch; its metadata say how "
        "pictures go in",
    )  # fmt: skip
    _json_flag(parser)


def _add_sample(commands: Any) -> None:
    parser = _command(commands, "sample", "Try the bundled sample: in the window, or without a display into a folder.")
    parser.add_argument("--out", type=Path, default=Path("ad-desktop-sample"), metavar="DIR", help="folder for results")
    parser.add_argument("--no-window", action="store_true", help="do not open the window, even if there is a display")
    _json_flag(parser)

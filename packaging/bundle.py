"""What goes into the program that is handed out, and what stays behind. Used by ad_desktop.spec."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]

EXCLUDED = [
    # Tools of developers.
    "pytest", "_pytest", "hypothesis", "mypy", "pip", "setuptools", "wheel", "IPython", "tkinter", "PyInstaller",
    "grimp", "importlinter",
    # Compiling kernels on the user's machine, which the program does not do.
    "triton", "cuda", "torch.utils.tensorboard", "torch.utils.benchmark", "torch.contrib",
    # Colours for source code, which the console does not show, and a kind of picture that no reader reads.
    "pygments", "PIL.AvifImagePlugin", "PIL._avif",
    # Faster downloads from a hub that the program does not use.
    "hf_xet",
    "onnx.backend", "onnxruntime.transformers", "onnxruntime.quantization", "onnxruntime.tools", "open_clip_train",
    "nibabel.tests", "pyqtgraph.examples", "pyqtgraph.opengl", "matplotlib", "pandas", "cv2",
    # Of scikit-learn, which measures models here, what makes some; of scipy, what nothing asks for.
    *(f"sklearn.{name}" for name in (
        "_loss", "cluster", "decomposition", "ensemble", "gaussian_process", "linear_model", "manifold",
        "model_selection", "neighbors", "neural_network", "svm", "tree",
    )),
    "scipy.cluster", "scipy.io", "scipy.signal",
    # Of Qt: what is not drawn by widgets.
    *(f"PySide6.Qt{name}" for name in (
        "Concurrent", "Designer", "Help", "Network", "PrintSupport", "Qml", "Quick",
        "QuickControls2", "QuickTest", "QuickWidgets", "Sql", "SvgWidgets", "Test", "UiTools", "Xml",
    )),
]  # fmt: skip
"""Modules that are left out even where something imports them."""

SOURCES = dict.fromkeys(("torch", "torchvision", "timm", "onnxscript"), "pyz+py")
"""Packages that read the source of their own functions, some as they are loaded. It lies beside the archive that holds
them compiled."""

NEVER = ["**/tests/**", "**/test/**", "**/*.pyi", "**/*.h", "**/*.md"]
"""Data files of packages that nothing reads."""

_DROPPED = [re.compile(pattern) for pattern in (
    # Of torch: headers, and programs and libraries of its own tests; its start asks for torch_shm_manager.
    r"^torch/(include|share|test)/",
    r"^torch/bin/(?!torch_shm_manager)",
    r"^torch/lib/lib(\w*test\w*|aoti_custom_ops|backend_with_compiler)\.",
    r"^(torch|functorch|torchgen)/.*\.(h|hpp|cuh|cpp|cmake|yaml|jinja|pyi)$",
    r"^torch/testing/_internal/(?!__init__|common_dtype|logging_tensor|distributed(/__init__|/fake_pg|$))",
    # Of torch: compiling for a graphics card by itself, work on several machines, and its tools for small networks.
    r"^torch/_inductor/(kernel|template_heuristics|autoheuristic)\b",
    r"^torch/distributed/(checkpoint|elastic|pipelining|_tools)\b",
    r"^torch/ao/(ns|pruning)\b",
    r"^triton/",
    r"^cuda/",
    # Of Qt: translations, and plugins for what the program does not do. It shows widgets and icons in SVG.
    r"^PySide6/Qt/(translations|qml|resources|metatypes|libexec)/",
    r"^PySide6/Qt/plugins/(?!platform|iconengines/|imageformats/|xcbglintegrations/|wayland|styles/)",
    r"^PySide6/Qt/plugins/platforms/libq(?!xcb|wayland|offscreen)",
    r"^PySide6/Qt/plugins/platformthemes/libqgtk3",
    r"^PySide6/Qt/plugins/platforminputcontexts/libqtvirtualkeyboard",
    r"^PySide6/Qt/plugins/wayland-graphics-integration-server/",
    r"^PySide6/Qt/plugins/imageformats/libq(?!svg|jpeg)",
    # Of QtAwesome: the sets of icons that are not used.
    r"^qtawesome/fonts/(?!materialdesignicons6)",
    # Example data, other programs, and what only compilers read.
    r"^sklearn/datasets/(data|images|descr|tests)/",
    r"(^|/)tests?/(data|baseline)/",
    r"^_gdcm/(XML|pkgconfig|scripts)/",
    r"^_gdcm/gdcm[a-z0-9]+$",
    r"\.(a|lib|pdb|prl|pc)$",
)]  # fmt: skip

# Kinds of compression that neither TIFF files nor the program's own pictures have.
_CODECS = """aec apng avif bcn bitshuffle blosc blosc2 bmp brotli dds gif h5checksum heif htj2k jpegsof3 lz4 lz4f lzf
lzfse lzham lzo meshopt mozjpeg pcodec pglz qoi quantize rcomp rgbe snappy sperr spng sz3 szip ultrahdr zfp zopfli"""
_OTHER_CODECS = {f"imagecodecs._{name}" for name in _CODECS.split()}


def codecs(modules: Iterable[str]) -> list[str]:
    """The modules of imagecodecs without those for other kinds of file."""
    return [name for name in modules if name not in _OTHER_CODECS]


def trimmed(entries: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """PyInstaller's list of files without those that nothing needs, in the order of their names."""
    kept = [entry for entry in entries if not any(rule.search(_posix(entry[0])) for rule in _DROPPED)]
    return sorted(_without_orphans(kept))


def pure(entries: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """PyInstaller's list of modules for its archive, without those whose sources are dropped."""
    kept = [entry for entry in entries if not any(rule.search(entry[0].replace(".", "/")) for rule in _DROPPED)]
    return sorted(kept)


def scripts(entries: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """PyInstaller's list of what runs first, without what prepares for other processes: the program makes its own."""
    return [entry for entry in entries if "multiprocess" not in entry[0]]


def _posix(name: str) -> str:
    return name.replace("\\", "/")


def _without_orphans(entries: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Without libraries that only dropped files needed: of Qt, and of the system, such as GTK's."""
    libraries = {_base(name): source for name, source, kind in entries if kind == "BINARY" and _is_shared(name, source)}
    if not libraries:
        return entries
    from PyInstaller.depend.bindepend import get_imports

    waiting = [e[1] for e in entries if e[2] in ("BINARY", "EXTENSION") and _base(e[0]) not in libraries]
    used: set[str] = set()
    while waiting:
        for name, _ in get_imports(waiting.pop()):
            if name in libraries and name not in used:
                used.add(name)
                waiting.append(libraries[name])
    return [entry for entry in entries if (name := _base(entry[0])) not in libraries or name in used]


def _is_shared(name: str, source: str) -> bool:
    """Whether it is there for other libraries alone; Python's own is for the program."""
    if name.startswith("libpython"):
        return False
    return bool(re.search(r"lib(Qt6|icu)\w+\.so", name)) or source.startswith(("/lib/", "/usr/lib/"))


def _base(name: str) -> str:
    return PurePosixPath(_posix(name)).name


def distributions() -> list[Distribution]:
    """What the program is built on, in the order of names: its dependencies and theirs, but for what is left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, Distribution] = {}
    waiting = list(project["dependencies"])
    while waiting:
        wanted = Requirement(waiting.pop())
        name = canonicalize_name(wanted.name)
        if name in found or name in _LEFT_OUT or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        waiting += found[name].requires or []
    return [found[name] for name in sorted(found)]


_LEFT_OUT = {"triton", "hf-xet", "setuptools", "cuda-bindings", "cuda-pathfinder"}


def metadata() -> Iterator[tuple[str, str]]:
    """Name, version and entry points of each package: some find their parts by them, and the program tells them."""
    for dist in distributions():
        folder = dist.locate_file("")
        for path in dist.files or []:
            if path.name in ("METADATA", "entry_points.txt") and path.parent.suffix == ".dist-info":
                yield str(Path(str(folder), path)), str(path.parent)

# shellcheck shell=bash
# The set-up that run.sh, test.sh and .ci/run share. Source it, then call prepare run or prepare test.
# AD_DESKTOP_VENV: where the virtual environment lives (.venv in the checkout).
# AD_DESKTOP_PYTHON: the Python to make it with.

set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=${AD_DESKTOP_VENV:-$root/.venv}
[[ $venv == /* ]] || venv=$PWD/$venv

say() { printf '%s\n' "$*" >&2; }

die() {
    say "AD Desktop: $*"
    exit 1
}

prepare() {
    local mode=$1
    ensure_venv
    ensure_package "$mode"
    ensure_system "$mode"
}

# --- Python -----------------------------------------------------------------

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 </dev/null; }

can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null; }

# Print the Python to use; one that can make an environment comes before one that cannot yet.
find_python() {
    local name without_venv=''
    for name in ${AD_DESKTOP_PYTHON:+"$AD_DESKTOP_PYTHON"} python3.11 python3.12 python3.13 python3 python; do
        is_new_enough "$name" || continue
        if can_make_venv "$name"; then
            printf '%s\n' "$name"
            return
        fi
        without_venv=${without_venv:-$name}
    done
    [[ -n $without_venv ]] || die 'Python 3.11 or newer is needed and was not found. Install it (https://www.python.org, or your system'\''s package manager), or name it in AD_DESKTOP_PYTHON.'
    local version
    version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    install_packages "python$version-venv" ||
        die "$without_venv cannot make a virtual environment (its modules venv and ensurepip are missing). On Debian and Ubuntu: $(apt_hint "python$version-venv")"
    can_make_venv "$without_venv" || die "$without_venv still cannot make a virtual environment; name another Python in AD_DESKTOP_PYTHON."
    printf '%s\n' "$without_venv"
}

ensure_venv() {
    if is_new_enough "$venv/bin/python" && "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        return
    fi
    # Never clear a folder that is not a virtual environment.
    if [[ -e $venv && ! -e $venv/pyvenv.cfg && -n $(ls -A -- "$venv") ]]; then
        die "$venv exists and is not a virtual environment. Move it away, or name another place in AD_DESKTOP_VENV."
    fi
    local python
    python=$(find_python)
    say "Making a virtual environment in $venv with $("$python" --version) …"
    "$python" -m venv --clear -- "$venv"
}

# --- The package ------------------------------------------------------------

# Print a hash of the files named, of every file below the folders named, and of the environment's place: its commands
# stop working when it is moved.
fingerprint() {
    "$venv/bin/python" - "$@" <<'PYTHON'
import hashlib, pathlib, sys

digest = hashlib.sha256((sys.version + sys.prefix).encode())
for name in sys.argv[1:]:
    top = pathlib.Path(name)
    for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(top)).encode() + b"\0" + path.read_bytes())
print(digest.hexdigest())
PYTHON
}

# A test environment follows the sources by itself and serves both commands; a copied installation goes stale with them.
ensure_package() {
    local mode=$1 record=$venv/ad-desktop-installed recorded='' for_test for_run
    for_test="test $(fingerprint "$root/pyproject.toml")"
    for_run="run $(fingerprint "$root/pyproject.toml" "$root/ad_desktop" "$root/resources")"
    [[ ! -f $record ]] || recorded=$(<"$record")
    if [[ $recorded == "$for_test" || ($mode == run && $recorded == "$for_run") ]]; then
        return
    fi
    [[ $recorded != test\ * ]] || mode='test'
    rm -f -- "$record"
    say "Installing AD Desktop into $venv; the first time some 3 GB are downloaded, which takes a few minutes …"
    if [[ $mode == test ]]; then
        (cd -- "$root" && pip_install -e '.[dev]')
        printf '%s\n' "$for_test" >"$record"
    else
        (cd -- "$root" && pip_install .)
        printf '%s\n' "$for_run" >"$record"
    fi
}

# pip with one line for each file that it fetches; its errors and warnings go to standard error as they are.
pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off "$@" </dev/null |
        sed -u -n -e 's/^ *Downloading \(.*\)$/  fetching \1/p' -e 's/^ *Installing collected packages.*/  unpacking …/p' >&2 ||
        die 'The installation failed: see what pip says above, then run the same command again.'
}

# --- The system's libraries -------------------------------------------------

# Print the Debian packages of the libraries that cannot be loaded.
missing_libraries() {
    "$venv/bin/python" - "$root/packaging/system-libraries.txt" <<'PYTHON'
import ctypes, sys

for line in open(sys.argv[1], encoding="utf-8"):
    if line.strip() and not line.startswith("#"):
        library, package = line.split()
        try:
            ctypes.CDLL(library)
        except OSError:
            print(package)
PYTHON
}

has_font() {
    local folder
    for folder in /usr/share/fonts /usr/local/share/fonts "${XDG_DATA_HOME:-${HOME:-}/.local/share}/fonts" "${HOME:-}/.fonts"; do
        [[ -d $folder ]] || continue
        [[ -z $(find -L "$folder" \( -iname '*.ttf' -o -iname '*.otf' -o -iname '*.ttc' \) -print -quit 2>/dev/null) ]] || return 0
    done
    return 1
}

missing_packages() {
    missing_libraries
    has_font || printf '%s\n' fonts-dejavu-core
    [[ $1 == test ]] || return 0
    command -v Xvfb >/dev/null || printf '%s\n' xvfb
    command -v openbox >/dev/null || printf '%s\n' openbox
    command -v xdotool >/dev/null || printf '%s\n' xdotool
}

ensure_system() {
    local mode=$1 packages
    [[ $(uname -s) == Linux ]] || return 0
    mapfile -t packages < <(missing_packages "$mode")
    ((${#packages[@]})) || return 0
    if install_packages "${packages[@]}"; then
        mapfile -t packages < <(missing_packages "$mode")
        ((${#packages[@]})) || return 0
    fi
    say "Missing on this system: ${packages[*]} (names of Debian and Ubuntu)."
    say "Install them yourself: $(apt_hint "${packages[@]}")"
    [[ $mode == run ]] || die 'The tests of the window need them.'
    say 'Going on without them; the window may not open.'
}

apt_hint() { printf 'sudo apt-get update && sudo apt-get install %s' "$*"; }

# Install Debian packages; fail where there is no apt-get, or where it would ask for a password.
install_packages() {
    local as_root=()
    command -v apt-get >/dev/null || return 1
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    say "Installing system packages: $* …"
    # Stale lists are often good enough where there is no network.
    "${apt[@]}" update >/dev/null </dev/null || say 'apt-get update failed; trying with the lists there are.'
    "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null </dev/null
}

#!/usr/bin/env bash
# Put AD Desktop, from the folder this script is in, into this user's menu and on the command line. No rights are needed.
#   bash install.sh              copy the folder to ~/.local/share/ad-desktop, and make menu entry, icons and commands
#   bash install.sh --uninstall  remove all of that; settings, models and the library of a crashed session stay
# XDG_DATA_HOME is respected.

set -euo pipefail

source_folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
data=${XDG_DATA_HOME:-$HOME/.local/share}
target=$data/ad-desktop
commands=$HOME/.local/bin
entry=$data/applications/ad-desktop.desktop
metainfo=$data/metainfo/org.example.ad_desktop.metainfo.xml

die() {
    printf 'AD Desktop: %s\n' "$*" >&2
    exit 1
}

# Never touch a folder or command that this script did not make.
is_ours() { [[ -f $1/FILES.sha256 && -x $1/ad-desktop ]]; }

remove_command() {
    local link=$commands/$1
    [[ ! -L $link || $(readlink -- "$link") != "$target/$1" ]] || rm -f -- "$link"
}

uninstall() {
    remove_command ad-desktop
    remove_command ad-desktop-window
    rm -f -- "$entry" "$metainfo" "$data"/icons/hicolor/*/apps/ad-desktop.{png,svg}
    [[ ! -e $target ]] || is_ours "$target" || die "$target is not an installation of AD Desktop; it stays."
    rm -rf -- "$target"
    refresh
    printf 'AD Desktop was removed. Your settings and models are where they were.\n'
}

install_icons() {
    local icons=$target/_internal/resources/icons size
    for size in 16 24 32 48 64 128 256 512; do
        install -D -m 644 -- "$icons/ad-desktop-$size.png" "$data/icons/hicolor/${size}x$size/apps/ad-desktop.png"
    done
    install -D -m 644 -- "$icons/ad-desktop.svg" "$data/icons/hicolor/scalable/apps/ad-desktop.svg"
}

install_command() {
    local link=$commands/$1
    if [[ -e $link && ! -L $link ]]; then
        printf 'AD Desktop: %s exists and is kept; start %s instead.\n' "$link" "$target/$1" >&2
        return
    fi
    ln -sfn -- "$target/$1" "$link"
}

install_all() {
    is_ours "$source_folder" || die "$source_folder is not the whole folder of AD Desktop: copy all of it."
    [[ $source_folder != "$target" ]] || die 'this is the installed copy; run install.sh from the folder you were given.'
    [[ ! -e $target ]] || is_ours "$target" || die "$target exists and is something else; move it away."
    (cd -- "$source_folder" && sha256sum --check --quiet FILES.sha256) || die 'the copy is damaged: copy the folder again.'
    mkdir -p -- "$data" "$commands"
    # The new one is whole before the old one goes.
    local new=$target.new
    rm -rf -- "$new"
    cp -a -- "$source_folder" "$new"
    rm -rf -- "$target"
    mv -- "$new" "$target"
    install_icons
    install_command ad-desktop
    install_command ad-desktop-window
    mkdir -p -- "${entry%/*}"
    # A path may hold what the desktop entry's quoting gives a meaning.
    local quoted
    quoted=$(printf '%s' "$target/ad-desktop-window" | sed -e 's/[\\"`$]/\\\\&/g' -e 's/%/%%/g' -e 's/[&|\\]/\\&/g')
    sed "s|^Exec=.*|Exec=\"$quoted\" %F|" "$target/share/ad-desktop.desktop" >"$entry"
    install -D -m 644 -- "$target/share/org.example.ad_desktop.metainfo.xml" "$metainfo"
    refresh
    printf 'AD Desktop is in the menu. In a terminal: %s/ad-desktop --help\n' "$commands"
    [[ :$PATH: == *:$commands:* ]] || printf 'To leave out the path, add %s to PATH.\n' "$commands"
}

# Menus notice by themselves, these make it sooner.
refresh() {
    if command -v update-desktop-database >/dev/null; then update-desktop-database -q "$data/applications" || true; fi
    [[ ! -e $data/icons/hicolor/icon-theme.cache ]] || gtk-update-icon-cache -q -t "$data/icons/hicolor" || true
}

case ${1:-} in
    '') install_all ;;
    --uninstall) uninstall ;;
    *) die "unknown argument $1; there is only --uninstall." ;;
esac

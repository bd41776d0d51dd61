#!/usr/bin/env bash
# Install AD Desktop and open its window on the bundled sample; without a display, write the results to a folder.
# Needs Python 3.11 or newer. Arguments go to `ad-desktop sample`.

set -euo pipefail
# shellcheck source=packaging/setup.sh disable=SC1091
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

prepare run
exec "$venv/bin/ad-desktop" sample "$@"

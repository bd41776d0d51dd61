#!/usr/bin/env bash
# Install AD Desktop with its development tools and run its tests. Needs Python 3.11 or newer.
# Arguments go to pytest.

set -euo pipefail
# shellcheck source=packaging/setup.sh disable=SC1091
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

prepare test
cd -- "$root"
QT_QPA_PLATFORM=${QT_QPA_PLATFORM:-offscreen} exec "$venv/bin/python" -m pytest "$@"

#!/bin/bash
# Install this checkout in mounts of its own and run pytest there. The tox environment "tests" calls it.
#
# usage: sudo scripts/test-in-namespace.sh PYTEST-ARG...      with pytest and its plug-ins in PATH
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/with-product.sh" python -m pytest "$@"

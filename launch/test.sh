#!/usr/bin/env bash
# Sets up and runs every check: style, types, import rules, tests. Options go to pytest: bash launch/test.sh -k camera
# With another Python: bash launch/test.sh --python 3.13 -k camera
EXTRAS=dev
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

failed=""
check() { # name, command...
    say "$1"
    "${@:2}" || failed+=" $1"
}

require_browser
check style "$VENV/bin/ruff" check .
check format "$VENV/bin/ruff" format --check .
check types "$VENV/bin/mypy" -p robonav
check imports "$VENV/bin/lint-imports" --no-logo
check tests "$VENV/bin/pytest" -n 2 --dist loadgroup "$@"
[ -z "$failed" ] || fail "these checks failed:$failed"
say "all checks passed"

#!/usr/bin/env bash
# Sets up and runs every check: style, types, import rules, tests. Options go to pytest: bash launch/test.sh -k camera
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

failed=""
check() { # name, command...
    say "$1"
    "${@:2}" || failed+=" $1"
}

require_browser
check style .venv/bin/ruff check .
check format .venv/bin/ruff format --check .
check types .venv/bin/mypy -p robonav
check imports .venv/bin/lint-imports --no-logo
check tests .venv/bin/pytest -n 2 --dist loadgroup "$@"
[ -z "$failed" ] || fail "these checks failed:$failed"
say "all checks passed"

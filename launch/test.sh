#!/usr/bin/env bash
# Sets up and runs every check: style, types, import rules, tests. Options go to pytest: bash launch/test.sh -k camera
# With another Python: bash launch/test.sh --python 3.13 -k camera
EXTRAS=dev
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# mypy and import-linter need to see the package as one tree; the checkout keeps its parts side by side.
copy_tree() {
    rm -rf build/tree && mkdir -p build/tree
    cp -Rp robonav build/tree/ && cp -Rp maps envs launch build/tree/robonav/
}

lint_imports() { # from inside the tree: it looks for the package in the folder that it is started in
    (cd build/tree && "../../$VENV/bin/lint-imports" --no-logo --config ../../pyproject.toml)
}

failed=""
check() { # name, command...
    say "$1"
    "${@:2}" || failed+=" $1"
}

require_browser
copy_tree
check style "$VENV/bin/ruff" check .
check format "$VENV/bin/ruff" format --check .
check types env MYPYPATH=build/tree "$VENV/bin/mypy" -p robonav
check imports lint_imports
check tests "$VENV/bin/pytest" -n 2 --dist loadgroup "$@"
[ -z "$failed" ] || fail "these checks failed:$failed"
say "all checks passed"

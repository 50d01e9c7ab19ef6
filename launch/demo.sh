#!/usr/bin/env bash
# From a fresh clone to a report: sets up, trains a small agent on generated houses, evaluates it on unseen ones.
# Options go to `robonav demo`: bash launch/demo.sh --help
EXTRAS=drive,view
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
exec "$VENV/bin/robonav" demo "$@"

"""Write the tables of docs/rewards-checks.md and docs/rewards-minigrid.md anew, from what was measured.

    robonav rewards check all --json docs/results/rewards_check.json
    python -m benchmarks.rewards_page

Each table stands between two comments that name it. Rewards that were not measured get an empty row.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.rewards_minigrid import as_markdown as minigrid_table
from robonav.rewards.checks.report import as_markdown as checks_table
from robonav.rewards.checks.report import from_json
from robonav.rewards.registry import REWARDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = {name: ROOT / "docs" / f"rewards-{name}.md" for name in ("checks", "minigrid")}
CHECKS = ROOT / "docs" / "results" / "rewards_check.json"
MINIGRID = ROOT / "docs" / "results" / "rewards_minigrid.json"


def tables() -> dict[str, str]:
    """Both tables by name, as Markdown."""
    measured = from_json(json.loads(CHECKS.read_text()))
    names = sorted(kind.name for kind in REWARDS)
    return {
        "checks": checks_table({name: measured.get(name, []) for name in names}),
        "minigrid": minigrid_table(json.loads(MINIGRID.read_text())),
    }


def with_tables(page: str) -> str:
    """The page with its table as it is now."""
    for name, table in tables().items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        page = between.sub(lambda match, table=table: f"{match[1]}{table.strip()}\n{match[2]}", page)  # type: ignore[misc]
    return page


def main() -> None:
    """Write the pages."""
    for page in PAGES.values():
        page.write_text(with_tables(page.read_text()))


if __name__ == "__main__":
    main()

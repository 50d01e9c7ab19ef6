"""Reports of the checks' findings, as JSON and as a table of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from robonav.provenance import versions
from robonav.rewards.checks.finding import Effort, RewardFinding
from robonav.rewards.checks.televisions import TELEVISIONS

Findings = Mapping[str, Sequence[RewardFinding]]
_PROMISES = ("gradient", "purity", "resume", "final observation", "resets")


def as_json(found: Findings, effort: Effort) -> dict[str, Any]:
    """All findings by reward, and how they were measured."""
    return {
        "versions": versions(),
        "effort": asdict(effort),
        "rewards": {name: [asdict(finding) for finding in findings] for name, findings in found.items()},
    }


def from_json(document: Mapping[str, Any]) -> dict[str, list[RewardFinding]]:
    """The findings that `as_json` wrote."""
    rewards = document["rewards"].items()
    return {name: [RewardFinding(**finding) for finding in findings] for name, findings in rewards}


def as_markdown(found: Findings) -> str:
    """A row a reward: promises kept, slope and R² against visits, share of each watcher, cost of a step."""
    screens = [name for name in TELEVISIONS if name != "still"]
    head = ["reward", "promises kept", "slope", "R²", *screens, "wall", "ms: compute + update"]
    lines = [head, ["---"] * len(head), *(_row(name, findings, screens) for name, findings in found.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(name: str, findings: Sequence[RewardFinding], screens: Sequence[str]) -> list[str]:
    by_name = {finding.check: finding for finding in findings}
    numbers = {key: value for finding in findings for key, value in finding.measured.items()}
    promises = [by_name[check] for check in _PROMISES if check in by_name]
    kept = sum(finding.passed is True for finding in promises)
    broken = [finding.check for finding in promises if finding.passed is False]
    return [
        name,
        f"{kept} of {len(_PROMISES)}" + (f", not {', '.join(broken)}" if broken else "") if promises else "",
        _bold_if_passed(by_name.get("calibration"), _number(numbers.get("slope"), "{:+.2f}")),
        _number(numbers.get("r2"), "{:.2f}"),
        *(
            _bold_if_passed(by_name.get("noise"), _number(numbers.get(f"{screen}_share"), "{:.0%}"))
            for screen in screens
        ),
        _number(numbers.get("still_share"), "{:.0%}"),
        " + ".join(_number(numbers[key], "{:.2f}") for key in ("compute_ms", "update_ms") if key in numbers),
    ]


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _bold_if_passed(finding: RewardFinding | None, text: str) -> str:
    return f"**{text}**" if text and finding is not None and finding.passed else text

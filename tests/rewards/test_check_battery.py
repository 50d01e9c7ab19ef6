"""The battery passes a right reward and names what is wrong with each kind of broken one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from robonav.rewards.checks.battery import CHECKS, check
from robonav.rewards.checks.finding import QUICK, RewardFinding
from robonav.rewards.checks.report import as_json, as_markdown, from_json
from robonav.rewards.checks.settings import setting_of
from robonav.rewards.config import RewardContext
from robonav.rewards.protocol import Snapshot, Transition
from robonav.rewards.registry import make_reward
from tests.rewards.counted import Counted, CountedConfig

SHORT = replace(QUICK, watched_steps=20, timed_steps=8)
Breaking = Callable[[Counted], None]


def findings(config: CountedConfig) -> dict[str, RewardFinding]:
    return {finding.check: finding for finding in check(config, SHORT)}


@dataclass(frozen=True)
class Broken(CountedConfig):
    """Counts, but for one mistake."""

    mistake: Breaking = lambda reward: None

    def build(self, context: RewardContext) -> Counted:
        reward = super().build(context)
        self.mistake(reward)
        return reward


def learns_while_computing(reward: Counted) -> None:
    compute = reward.compute

    def impure(before: Snapshot, action: Any, after: Snapshot, *ends: Any) -> Any:
        paid = compute(before, action, after, *ends)
        reward.update(Transition(before, action, after, *ends))
        return paid

    reward.compute = impure  # type: ignore[method-assign]


def saves_nothing(reward: Counted) -> None:
    reward.state_dict = dict  # type: ignore[method-assign]
    reward.load_state_dict = lambda state: None  # type: ignore[method-assign]


def pays_for_where_it_was(reward: Counted) -> None:
    """Not what the step led to, as libraries do whose next observation is the next start."""
    compute = reward.compute
    reward.compute = lambda before, action, after, *ends: compute(  # type: ignore[method-assign]
        before, action, before if ends[1].any() else after
    )


def forgets_everything(reward: Counted) -> None:
    reward.reset = lambda mask, first: reward.counts.clear()  # type: ignore[method-assign]


def pays_nothing(reward: Counted) -> None:
    reward.compute = lambda before, action, after, *ends: np.zeros(  # type: ignore[method-assign]
        len(after), np.float32
    )


def fails(reward: Counted) -> None:
    reward.update = lambda step: 1 // 0  # type: ignore[method-assign,assignment,return-value]


def test_a_right_reward_passes_every_check_in_order() -> None:
    found = findings(CountedConfig())
    assert list(found) == list(CHECKS)
    assert [finding.check for finding in found.values() if finding.passed is False] == []
    assert found["gradient"].measured["gradients_differ_by"] > 0.01
    assert found["cost"].measured["compute_ms"] > 0
    assert all(found[name].passed for name in ("gradient", "purity", "resume", "final observation", "resets"))


@pytest.mark.parametrize(
    ("mistake", "failed"),
    [
        (learns_while_computing, "purity"),
        (saves_nothing, "resume"),
        (pays_for_where_it_was, "final observation"),
        (forgets_everything, "resets"),
        (pays_nothing, "gradient"),
    ],
)
def test_a_broken_reward_fails_the_check_of_what_is_broken(mistake: Breaking, failed: str) -> None:
    assert CHECKS[failed](Broken(mistake=mistake), SHORT).passed is False
    assert CHECKS[failed](CountedConfig(), SHORT).passed is True


def test_a_reward_that_raises_fails_in_one_line_and_the_battery_goes_on() -> None:
    found = findings(Broken(mistake=fails))
    assert list(found) == list(CHECKS)
    assert found["purity"].passed is False
    assert found["purity"].says.startswith("ZeroDivisionError")


def test_a_reward_that_is_paid_for_depth_is_tried_in_a_house() -> None:
    assert setting_of(CountedConfig()).name == "corridor"
    assert setting_of(make_reward("geometric")).name == "house"


def test_findings_survive_json_and_become_a_row() -> None:
    found = {"counted": list(findings(CountedConfig()).values())}
    assert from_json(as_json(found, SHORT)) == found
    heading, _, row = as_markdown(found).splitlines()
    assert heading.count("|") == row.count("|")
    assert row.startswith("| counted | 5 of 5 | -0.5")

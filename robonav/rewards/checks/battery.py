"""All checks by name, and what they say of a reward."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from robonav.errors import UsageError
from robonav.rewards.checks.calibration import calibration
from robonav.rewards.checks.contract import final_observation, purity, resets, resume
from robonav.rewards.checks.cost import cost
from robonav.rewards.checks.finding import Effort, RewardFinding
from robonav.rewards.checks.gradient import gradient
from robonav.rewards.checks.noise import noise
from robonav.rewards.config import RewardConfig

Check = Callable[[RewardConfig, Effort], RewardFinding]
CHECKS: dict[str, Check] = {
    "gradient": gradient,
    "purity": purity,
    "resume": resume,
    "final observation": final_observation,
    "resets": resets,
    "calibration": calibration,
    "noise": noise,
    "cost": cost,
}


def check(config: RewardConfig, effort: Effort) -> Iterator[RewardFinding]:
    """Run each check on a reward; yields its finding as soon as it is known."""
    tried = config.to_check()
    for name, function in CHECKS.items():
        yield _found(name, function, tried, effort)


def _found(name: str, function: Check, config: RewardConfig, effort: Effort) -> RewardFinding:
    try:
        return function(config, effort)
    except UsageError as refusal:  # it reads other things than what this check shows
        return RewardFinding(name, f"not measured: {refusal}")
    except Exception as error:  # whatever a reward of somebody else does wrong, the others are still checked
        return RewardFinding(name, f"{type(error).__name__}: {error}", False)

"""All rewards by name: one file beside this one and one line in `REWARDS`, or an entry point of a package."""

from __future__ import annotations

from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from robonav.envs.plugins import plugged_in
from robonav.errors import UsageError
from robonav.rewards.byol_explore import ByolExploreConfig
from robonav.rewards.byol_hindsight import ByolHindsightConfig
from robonav.rewards.coin_flip import CoinFlipConfig
from robonav.rewards.config import RewardConfig
from robonav.rewards.coverage import CoverageConfig
from robonav.rewards.curiosity import GeometricConfig, RgbConfig
from robonav.rewards.disagreement import DisagreementConfig
from robonav.rewards.drnd import DrndConfig
from robonav.rewards.icm import IcmConfig
from robonav.rewards.lpm import LpmConfig
from robonav.rewards.oni.classification import OniClassificationConfig
from robonav.rewards.oni.ranking import OniRankingConfig
from robonav.rewards.oni.retrieval import OniRetrievalConfig
from robonav.rewards.rdd import RddConfig
from robonav.rewards.rnd import RndConfig
from robonav.rewards.sub_goal import SubGoalConfig

REWARDS: tuple[type[RewardConfig], ...] = (
    # paid for privileged frames of robonav's worlds
    CoverageConfig,
    GeometricConfig,
    RgbConfig,
    SubGoalConfig,
    # paid for what a model did not predict
    ByolExploreConfig,
    ByolHindsightConfig,
    DisagreementConfig,
    DrndConfig,
    IcmConfig,
    LpmConfig,
    RndConfig,
    # paid for what was visited seldom
    CoinFlipConfig,
    RddConfig,
    # paid for what a language model calls helpful
    OniClassificationConfig,
    OniRankingConfig,
    OniRetrievalConfig,
)


def rewards() -> dict[str, type[RewardConfig]]:
    """All rewards by name: those that come with robonav, then those of installed packages."""
    return {kind.name: kind for kind in (*plugged_in("robonav.rewards", _is_reward).values(), *REWARDS)}


def reward_class(name: str) -> type[RewardConfig]:
    """The configuration class of a reward.

    Raises:
        UsageError: There is none of that name.
    """
    known = {kind.name: kind for kind in REWARDS}
    known = known if name in known else rewards()
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"perhaps you meant {near[0]}; " if near else ""
        raise UsageError(f"there is no reward {name!r}: {hint}choose one of {', '.join(sorted(known))}")
    return known[name]


def make_reward(name: str, **options: Any) -> RewardConfig:
    """A reward to give to `IntrinsicRewardVecEnv`, which builds it for its environments.

    Raises:
        UsageError: There is none of that name, or it has no such option, or refuses its value.
    """
    kind = reward_class(name)
    known = [field.name for field in fields(kind)]
    unknown = [option for option in options if option not in known]
    if unknown:
        near = get_close_matches(unknown[0], known, 1)
        hint = f"perhaps you meant {near[0]}; " if near else ""
        raise UsageError(f"reward {name} has no option {unknown[0]!r}: {hint}its options: {', '.join(known)}")
    return kind(**options)


def _is_reward(found: Any) -> None:
    if not (isinstance(found, type) and issubclass(found, RewardConfig)):
        raise TypeError(f"it is {found!r}, which is no RewardConfig")

"""All rewards by name: one file beside this one and one line in `REWARDS`, or an entry point of a package."""

from __future__ import annotations

from typing import Any

from robonav.envs.plugins import class_named, plugged_in, with_options
from robonav.errors import UsageError
from robonav.rewards.byol_explore import ByolExploreConfig
from robonav.rewards.byol_hindsight import ByolHindsightConfig
from robonav.rewards.coin_flip import CoinFlipConfig
from robonav.rewards.config import RewardConfig
from robonav.rewards.coverage import CoverageConfig
from robonav.rewards.curiosity import GeometricConfig, RgbConfig
from robonav.rewards.disagreement import DisagreementConfig
from robonav.rewards.drnd import DrndConfig
from robonav.rewards.e3b import E3bConfig
from robonav.rewards.episodic_cells import EpisodicCellsConfig
from robonav.rewards.icm import IcmConfig
from robonav.rewards.information_gain import InformationGainConfig
from robonav.rewards.lpm import LpmConfig
from robonav.rewards.ngu import NguConfig
from robonav.rewards.oni.classification import OniClassificationConfig
from robonav.rewards.oni.ranking import OniRankingConfig
from robonav.rewards.oni.retrieval import OniRetrievalConfig
from robonav.rewards.pseudo_counts import PseudoCountsConfig
from robonav.rewards.rdd import RddConfig
from robonav.rewards.re3 import Re3Config
from robonav.rewards.rnd import RndConfig
from robonav.rewards.sub_goal import SubGoalConfig

REWARDS: tuple[type[RewardConfig], ...] = (
    # paid for privileged frames of robonav's worlds
    CoverageConfig,
    GeometricConfig,
    InformationGainConfig,
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
    # paid for what the episode has not seen
    E3bConfig,
    EpisodicCellsConfig,
    NguConfig,
    PseudoCountsConfig,
    Re3Config,
    # paid for what a language model calls helpful
    OniClassificationConfig,
    OniRankingConfig,
    OniRetrievalConfig,
)

_GROUP = "robonav.rewards"


def rewards() -> dict[str, type[RewardConfig]]:
    """All rewards by name: those that come with robonav, then those of installed packages."""
    return {kind.name: kind for kind in (*plugged_in(_GROUP, _is_reward).values(), *REWARDS)}


def reward_class(name: str) -> type[RewardConfig]:
    """The configuration class of a reward.

    Raises:
        UsageError: There is none of that name.
    """
    return class_named(_GROUP, name, REWARDS, _is_reward, UsageError)


def make_reward(name: str, **options: Any) -> RewardConfig:
    """A reward to give to `IntrinsicRewardVecEnv`, which builds it for its environments.

    Raises:
        UsageError: There is none of that name, or it has no such option, or refuses its value.
    """
    return with_options(_GROUP, reward_class(name), options, UsageError)


def _is_reward(found: Any) -> None:
    if not (isinstance(found, type) and issubclass(found, RewardConfig)):
        raise TypeError(f"it is {found!r}, which is no RewardConfig")

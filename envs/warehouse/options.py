"""Options of a warehouse world: its hall, vehicle and task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from robonav.envs.scenes.scene import SceneError

_EPISODE_STEPS = {"simple": 2000, "complex": 3000, "site": 4000}


@dataclass(frozen=True)
class WarehouseOptions:
    """Options of the warehouse."""

    layout: str = "complex"
    """Hall: simple (10 x 10 m), complex (20 x 14 m, rack rows), site (40 x 25 m, aisles and docks), a text
    file of characters (#, . and letters), or a map.yaml of ROS."""
    layouts: int = 16
    """Number of different halls of that kind."""
    vehicle: str = "amr"
    """Vehicle: amr, underride, forklift, or a .yaml file of your own."""
    goal: Literal["in-sight", "told", "route"] = "in-sight"
    """Observation of the goal: in-sight = its place once the agent sees it, told = always, route = also the
    next five metres of the shortest way."""
    goal_place: Literal["drawn", "fixed", "stations"] = "drawn"
    """drawn = another goal in every episode, fixed = one for each hall, stations = one of its docks, chargers
    and bays."""
    replace_every: int = 0
    """Steps after which the goal is put to another place, the paper's "dynamic" scenes; 0 = it stays."""
    reach_m: float = 0.3
    """Distance at which a goal is reached, metres."""
    sight_m: float = 4.0
    """Distance from which a goal can be seen, metres."""
    episode_steps: int = 0
    """Decisions of 0.1 s until an episode is cut; 0 = 2,000 in simple, 4,000 in site, else 3,000."""
    contact: Literal["ends", "continues"] = "ends"
    """Effect of contact on the episode: ends = it is over, continues = it goes on."""
    contact_reward: float = -0.25
    """Paid when contact begins."""
    step_reward: float = -0.001
    """Paid for each decision."""
    progress_weight: float = 0.0
    """Weight of the progress along the shortest way, metres, paid as a potential: 0 = sparse reward."""
    gamma: float = 0.99
    """Discount of that potential."""
    loaded_share: float = 0.0
    """Share of episodes that begin with load, which changes outline, mass and height."""

    traffic: int = 0
    """Other vehicles in each hall, 0 to 32, which keep to its lanes and wait; of ours only site has lanes."""

    def __post_init__(self) -> None:
        """Refuse what cannot be driven.

        Raises:
            SceneError: A value is out of range.
        """
        for name in ("layouts", "episode_steps", "replace_every"):
            if not 0 <= getattr(self, name) <= 1_000_000:
                raise SceneError(f"warehouse: {name} is {getattr(self, name)}, give 0 or more")
        if self.layouts < 1 or not 0 <= self.traffic <= 32:
            raise SceneError(
                f"warehouse: layouts is {self.layouts}, traffic {self.traffic}: give 1 or more, 0 to 32"
            )
        for name in ("reach_m", "sight_m"):
            if not 0 < getattr(self, name) <= 100:
                raise SceneError(f"warehouse: {name} is {getattr(self, name)}, give metres above 0")
        if not 0 <= self.loaded_share <= 1 or not 0 < self.gamma <= 1:
            raise SceneError(
                f"warehouse: loaded_share is {self.loaded_share}, gamma {self.gamma}: give 0 to 1"
            )
        if not all(math.isfinite(r) for r in (self.contact_reward, self.step_reward, self.progress_weight)):
            raise SceneError("warehouse: rewards have to be finite")

    @property
    def max_steps(self) -> int:
        """Decisions until an episode is cut."""
        return self.episode_steps or _EPISODE_STEPS.get(self.layout, 3000)

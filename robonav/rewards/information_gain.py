"""Information gain: the entropy that a look takes from an occupancy map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from robonav.errors import UsageError
from robonav.maps.log_odds import LogOddsMap, agent_of, beam_cells, entropy
from robonav.rewards.beams import BeamReader, DepthBeams, LaserBeams
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.protocol import NothingToSave, Snapshot, Transition


@dataclass(frozen=True)
class InformationGainConfig(RewardConfig):
    """Pays the bits by which a look makes an occupancy map of the floor surer.

    Raises:
        UsageError: A number is out of its range.
    """

    name: ClassVar[str] = "information-gain"
    source: ClassVar[str] = "entropy reduction of an occupancy grid, Bourgault et al. 2002"
    episodic: ClassVar[bool] = True

    cell_m: float = 0.10
    """Edge of a cell, metres."""
    reach_m: float = 5.0
    """Range up to which surfaces count, metres."""
    hit: float = 0.9
    """Probability that a cell is occupied where a beam ends."""
    miss: float = 0.1
    """Probability that a cell is occupied which a beam passes."""
    sure: float = 0.999
    """Probability beyond which a cell is not surer."""
    band_m: tuple[float, float] = (0.15, 1.5)
    """Heights above the floor between which surfaces of a camera's depth are obstacles, metres."""

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 0.0 < self.miss < 0.5 < self.hit <= self.sure < 1.0 or self.miss < 1.0 - self.sure:
            raise UsageError(
                f"reward {self.name} has hit {self.hit}, miss {self.miss}, sure {self.sure}: expected "
                "1 - sure <= miss < 0.5 < hit <= sure < 1"
            )
        if min(self.cell_m, self.reach_m) <= 0:
            raise UsageError(
                f"reward {self.name} has cell_m {self.cell_m}, reach_m {self.reach_m}: both above 0"
            )

    def build(self, context: RewardContext) -> InformationGain:
        """The reward with a map for each agent.

        Raises:
            UsageError: The environment has neither depth of a camera nor a vehicle's laser scan.
        """
        from robonav.envs.warehouse.world import WarehouseWorld

        world = context.privileged_world(self.name)
        if isinstance(world, WarehouseWorld) and "scan" in context.observation_space.spaces:
            return InformationGain(self, LaserBeams(world.vehicle.scanner, self.reach_m))
        camera = context.privileged_camera(self.name)
        return InformationGain(self, DepthBeams(camera, self.reach_m, self.band_m))


class InformationGain(NothingToSave):
    """H(before) - H(after), summed over the cells of a look, in bits.

    Cells are occupied independently of each other, and unseen ones with probability one half, 1 bit. What
    contradicts the map makes it less sure and costs.

    Args:
        config: Its options.
        beams: Reads what agents see.
    """

    def __init__(self, config: InformationGainConfig, beams: BeamReader) -> None:
        self.config, self.beams, self.map = config, beams, LogOddsMap()
        self._hit, self._miss, self._sure = (
            float(np.log(p / (1 - p))) for p in (config.hit, config.miss, config.sure)
        )

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the maps of the agents in `mask`, and take in their first look."""
        self.map.forget(np.flatnonzero(mask))
        keys, _, after = self._look(first)
        begins = mask[agent_of(keys)]
        self.map.put(keys[begins], after[begins])

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Bits (N,) that the look at what the action led to would take from the map."""
        keys, known, then = self._look(after)
        gain = entropy(known) - entropy(then)
        return np.bincount(agent_of(keys), gain, minlength=len(terminated)).astype(np.float32)

    def update(self, step: Transition) -> dict[str, float]:
        """Take the look into the maps."""
        keys, _, after = self._look(step.after)
        self.map.put(keys, after)
        return {}

    def _look(self, seen: Snapshot) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Cells of a look, their log-odds before it, and after it."""
        free, hit = beam_cells(self.beams(seen), self.config.cell_m)
        keys = np.concatenate([free, hit])
        known = self.map.at(keys)
        shift = np.where(np.arange(len(keys)) < len(free), self._miss, self._hit)
        return keys, known, np.clip(known + shift, -self._sure, self._sure)

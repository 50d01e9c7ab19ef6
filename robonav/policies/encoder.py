"""Encoder of a whole observation, with the policy's own map and planner: one token a step."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from robonav.errors import UsageError
from robonav.perception.predictor import OccupancyPredictor, PredictorConfig
from robonav.planners.next_best_view import NextBestViewPlanner, NoPlanner
from robonav.planners.own_map import NoOwnMap, OwnMap
from robonav.policies.encoders.base import KeyEncoder
from robonav.policies.encoders.goal import GoalContext, NoGoal
from robonav.policies.encoders.registry import encoder_for

Percept = dict[str, Tensor]
"""Outputs of the frozen parts for one step of each agent, (..., *shape) by name; learning rereads them.

Of `rgb` come rgb (F,), what the frozen predictor says; own_map (C, S, S) uint8, windows of the policy's own
map; plan (A,), what the planner on it says; goal (F,), what the predictor says of the goal image. All other
keys of the observation keep their names.
"""

UNREAD = ("odometry",)  # told to planners that get a far goal, not to policies
_DERIVED = ("own_map", "plan")  # names that an observation beside rgb may not have


class ObservationEncoder(nn.Module):
    """One encoder for each key of an observation; a token is the sum of what they say.

    Attributes:
        predictor: Frozen; its weights come from `load_predictor` or from a checkpoint; None without `rgb`.
        kept: Shape and type of what a percept holds of one agent's step, by name.
    """

    def __init__(
        self,
        space: spaces.Dict,
        predictor: PredictorConfig,
        places: OwnMap | NoOwnMap,
        guide: NextBestViewPlanner | NoPlanner,
        width: int,
    ) -> None:
        super().__init__()
        self.kept: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {}
        self._terms: list[tuple[str, tuple[str, ...]]] = []  # names of modules and of what they read
        self.predictor: OccupancyPredictor | None = None
        own = [name for name in space if name not in UNREAD]
        if "rgb" in own:
            self._read_rgb(space, predictor, places, guide, width)
            own = [name for name in own if name not in ("rgb", "goal")]
        if not own and not self._terms:
            raise UsageError(f"the observation is {space}, expected at least one key that a policy can read")
        if "previous_action" in own:
            self.previous_action = encoder_for("previous_action", space["previous_action"], width)
        self.goal = self._goal(space, predictor, width)
        self.others = nn.ModuleDict(
            {_module(name): encoder_for(name, space[name], width) for name in own if name not in _NAMED}
        )
        self._where = {
            name: _NAMED.get(name, f"others.{_module(name)}") for name in own
        }  # modules of the keys
        for name in own:
            encoder = self._of(name)
            self.kept[name] = (encoder.shape, encoder.dtype)
        actions = [(self._where[name], (name,)) for name in own if name == "previous_action"]
        self._terms[1:1] = actions
        self._terms += [(self._where[name], (name,)) for name in own if name != "previous_action"]

    def _read_rgb(
        self,
        space: spaces.Dict,
        predictor: PredictorConfig,
        places: OwnMap | NoOwnMap,
        guide: NextBestViewPlanner | NoPlanner,
        width: int,
    ) -> None:
        if taken := [name for name in _DERIVED if name in space.spaces]:
            raise UsageError(
                f"the observation has a key {taken[0]!r}, which the policy makes itself: rename it"
            )
        self.predictor, self.image = OccupancyPredictor(predictor), nn.Linear(predictor.features, width)
        self.predictor.requires_grad_(False)
        self.places, self.advice = places.encoder(width), guide.encoder(width)
        self.kept["rgb"] = ((predictor.features,), np.float32)
        self._terms.append(("image", ("rgb",)))
        if places.channels:
            self.kept["own_map"] = ((places.channels, places.side, places.side), np.uint8)
            self._terms.append(("places", ("own_map",)))
        if guide.width:
            self.kept["plan"] = ((guide.width,), np.float32)
            self._terms.append(("advice", ("plan",)))
        if "goal" in space.spaces:
            self.kept["goal"] = ((predictor.features,), np.float32)
            self._terms.append(("goal", ("rgb", "goal")))

    def _goal(
        self, space: spaces.Dict, predictor: PredictorConfig, width: int
    ) -> GoalContext | NoGoal | KeyEncoder:
        if "point_goal" in space.spaces:
            return encoder_for("point_goal", space["point_goal"], width)
        return GoalContext(predictor.features, width) if {"rgb", "goal"} <= space.spaces.keys() else NoGoal()

    def look(self, rgb: Tensor, sweep: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, F) and scan (B, 32, 40, 3), in float32 always.

        Args:
            rgb: (B, 3, H, W) uint8.
            sweep: (B, 8, 32, 32) how they differ from earlier ones.
        """
        assert self.predictor is not None
        with torch.no_grad(), torch.autocast(rgb.device.type, enabled=False):
            features: Tensor = self.predictor(rgb, sweep)
            return features, self.predictor.scan(features)

    def keep(self, observation: dict[str, Tensor]) -> Percept:
        """Store each key of an observation as its encoder keeps it, `rgb` and its derivatives excepted."""
        return {name: self._of(name).keep(observation[name]) for name in self._where}

    def forward(self, percept: Percept) -> Tensor:
        """Tokens (..., width)."""
        terms = [self.get_submodule(part)(*(percept[name] for name in names)) for part, names in self._terms]
        tokens: Tensor = reduce(add, terms)
        return tokens

    def initialise(self) -> None:
        """Draw the first weights of what reads keys."""
        for name in sorted(self._where, key=lambda name: name != "previous_action"):
            self._of(name).initialise()
        if isinstance(self.goal, GoalContext):
            self.goal.initialise()

    def moments(self, kept: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Return sums over a rollout (T, N, ...) by key, of the encoders that normalise."""
        found = {name: self._of(name).moments(kept[name]) for name in self._where}
        return {name: moments for name, moments in found.items() if moments.size}

    def adapt(self, moments: dict[str, np.ndarray[Any, Any]]) -> None:
        """Adapt normalisers to what `moments` gave, summed over ranks."""
        for name, sums in moments.items():
            self._of(name).adapt(sums)

    def _of(self, name: str) -> KeyEncoder:
        encoder = self.get_submodule(self._where[name])
        assert isinstance(encoder, KeyEncoder)
        return encoder


_NAMED = {"previous_action": "previous_action", "point_goal": "goal"}  # modules with names of their own


def _module(name: str) -> str:
    """A module's name may hold no dot."""
    return name.replace(".", "/")

"""Parts of policies that many tests build."""

from __future__ import annotations

from typing import Any

from robonav.planners.next_best_view import PlannerConfig
from robonav.planners.own_map import OwnMapConfig

MAP_AND_PLANNER: dict[str, Any] = {"own_map": OwnMapConfig(), "planner": PlannerConfig()}

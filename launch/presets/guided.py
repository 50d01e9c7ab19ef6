"""The explorer that trains on a laptop's CPU: `recuriosity` with a map of its own and a planner."""

from dataclasses import replace

from robonav.launch.presets.recuriosity import PRESET as RECURIOSITY
from robonav.planners.next_best_view import PlannerConfig
from robonav.planners.own_map import OwnMapConfig

# A planner shows the way from the beginning: half the steps do, and little pay for chance.
PRESET = replace(
    RECURIOSITY,
    steps=131_072,
    policy=replace(RECURIOSITY.policy, own_map=OwnMapConfig(), planner=PlannerConfig()),
    ppo=replace(RECURIOSITY.ppo, entropy=0.01, final_entropy=0.003, schedule_steps=131_072),
)

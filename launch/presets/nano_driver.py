"""A driver for sub-goals (TopoNav's lower level): paid for places 1 to 5 m off and for coming nearer."""

from dataclasses import replace

from robonav.launch.presets.nano_sparse_goal import PRESET as SPARSE_GOAL

PRESET = replace(
    SPARSE_GOAL,
    goal_m=(1.0, 5.0),
    approach=0.2,
    policy=replace(SPARSE_GOAL.policy, guidance=None),
    ppo=replace(SPARSE_GOAL.ppo, entropy=0.02, final_entropy=0.005),
)

"""The worlds: scenes, sensors, and agents that walk through them; knows no map and no policy.

Importing it makes `robonav/Explore-v0` known to Gymnasium.
"""

import gymnasium

gymnasium.register(
    "robonav/Explore-v0",
    entry_point="robonav.envs.gym_env:ExploreEnv",
    vector_entry_point="robonav.envs.gym_env:ExploreVectorEnv",
)

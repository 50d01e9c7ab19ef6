"""The worlds: scenes, sensors, and agents that walk through them; knows no map and no policy.

Importing it makes `robonav/Explore-v0`, `robonav/ApplePicking-v0`, `robonav/ImageGoal-v0` and
`robonav/SparseGoal-v0` known to Gymnasium.
"""

from gymnasium.envs.registration import register, registry

MAX_EPISODE_STEPS = 512

for _name in ("Explore", "ApplePicking", "ImageGoal", "SparseGoal"):
    if f"robonav/{_name}-v0" not in registry:
        register(
            f"robonav/{_name}-v0",
            entry_point=f"robonav.envs.gym_env:{_name}Env",
            vector_entry_point=f"robonav.envs.gym_env:{_name}VectorEnv",
            max_episode_steps=MAX_EPISODE_STEPS,
        )

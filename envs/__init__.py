"""The worlds: scenes, sensors, and agents that walk through them; knows no map and no policy.

Importing it makes `robonav/Explore-v0`, `robonav/ApplePicking-v0`, `robonav/ImageGoal-v0`,
`robonav/SparseGoal-v0` and `robonav/Warehouse-v0` known to Gymnasium. Tasks and worlds of other packages need
no id: `gymnasium.make("robonav/Explore-v0", task="stay-near", radius_m=3)`.
"""

from gymnasium.envs.registration import register, registry

MAX_EPISODE_STEPS = 512

_TASKS = {
    "Explore": "explore",
    "ApplePicking": "apples",
    "ImageGoal": "image-goal",
    "SparseGoal": "sparse-goal",
}
_WORLDS = {"Warehouse": "warehouse"}


def _register(name: str, kind: str, limit: int | None, **options: str) -> None:
    if f"robonav/{name}-v0" not in registry:
        register(
            f"robonav/{name}-v0",
            entry_point=f"robonav.envs.gym_env:{kind}Env",
            vector_entry_point=f"robonav.envs.gym_env:{kind}VectorEnv",
            max_episode_steps=limit,
            kwargs=options,
        )


for _id, _task in _TASKS.items():
    _register(_id, "Navigation", MAX_EPISODE_STEPS, task=_task)
for _id, _world in _WORLDS.items():
    _register(_id, "OtherWorld", None, world=_world)

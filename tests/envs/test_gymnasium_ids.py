"""Gymnasium knows our ids by itself, and limits episodes as it is told."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from robonav.envs.gym_env import NavigationEnv, NavigationVectorEnv
from robonav.envs.scenes.scene import SceneError
from robonav.envs.sensors.camera import Camera
from tests.worlds import Rooms

CAMERA = Camera(width=16, height=16)
IDS = ("Drive", "Explore", "ApplePicking", "ImageGoal", "SparseGoal", "Warehouse")


def printed(program: str) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "imports",
    [
        "import robonav, gymnasium",
        "import gymnasium, robonav",
        "import robonav.envs, gymnasium",
        "import robonav.driving, gymnasium",
    ],
)
def test_bare_ids_work_whichever_is_imported_first(imports: str) -> None:
    ids = [f"robonav/{name}-v0" for name in IDS]
    program = f"{imports}\nprint(*[gymnasium.spec(name).id for name in {ids}], sep=',')"
    assert printed(program).strip().split(",") == ids


def test_importing_robonav_loads_no_library() -> None:
    program = "import sys, robonav; print({'gymnasium', 'numpy', 'torch'} & set(sys.modules))"
    assert printed(program) == "set()\n"


@pytest.mark.parametrize("asked", [3, 600])
def test_an_episode_is_as_long_as_gymnasium_was_told(asked: int) -> None:
    env = gymnasium.make("robonav/Explore-v0", max_episode_steps=asked, scenes=Rooms(), camera=CAMERA)
    env.reset(seed=0)
    for step in range(1, asked + 1):
        *_, terminated, truncated, _ = env.step(1)
        assert not terminated
        assert truncated == (step == asked)


def test_the_default_is_512_steps_in_every_view() -> None:
    options = {"scenes": Rooms(), "camera": CAMERA}
    made = gymnasium.make("robonav/Explore-v0", **options)
    vector = gymnasium.make_vec("robonav/Explore-v0", 1, **options)
    shorter = gymnasium.make_vec("robonav/Explore-v0", 1, max_episode_steps=7, **options)
    assert made.spec.max_episode_steps == 512
    assert isinstance(vector.unwrapped, NavigationVectorEnv)
    assert (vector.unwrapped.worlds.max_episode_steps, shorter.unwrapped.worlds.max_episode_steps) == (512, 7)
    alone = NavigationEnv(scenes=Rooms(), camera=CAMERA, max_episode_steps=2)
    alone.reset(seed=0)
    assert [alone.step(1)[3] for _ in range(2)] == [False, True]


def test_options_of_tasks_and_worlds_are_arguments() -> None:
    apples = gymnasium.make("robonav/ApplePicking-v0", apples=3, scenes=Rooms(), camera=CAMERA)
    named = gymnasium.make("robonav/Explore-v0", task="apples", count=3, scenes=Rooms(), camera=CAMERA)
    assert apples.unwrapped.worlds.task.count == named.unwrapped.worlds.task.count == 3
    hall = gymnasium.make("robonav/Warehouse-v0", layout="simple", goal="told", max_episode_steps=5)
    hall.reset(seed=0)
    assert [hall.step(np.zeros(2))[3] for _ in range(5)] == [False] * 4 + [True]
    assert gymnasium.make_vec("robonav/Warehouse-v0", 3, layout="simple").num_envs == 3
    with pytest.raises(SceneError, match="no option 'colour'"):
        gymnasium.make("robonav/Explore-v0", colour=1)

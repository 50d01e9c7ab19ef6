"""The warehouse world: episodes, what is told, what is paid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env

from robonav.envs.gym_env import WorldEnv
from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.warehouse.world import WarehouseWorld
from robonav.envs.world import Episode

SIMPLE = WarehouseConfig("simple", layouts=2)


def drive(world: WarehouseWorld, steps: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [world.step(rng.uniform(-1, 1, (world.num_agents, 2))) for _ in range(steps)]


def test_gymnasium_and_sb3_accept_it() -> None:
    check_env(WorldEnv(WarehouseWorld(SIMPLE)))


@pytest.mark.parametrize("goal", ["in-sight", "told", "route"])
def test_observations_are_in_their_space(goal: str) -> None:
    world = WarehouseWorld(replace(SIMPLE, goal=goal, loaded_share=0.5), 3)
    world.reset()
    for step in drive(world, 40):
        for agent in range(3):
            row = {key: value[agent] for key, value in step.observation.items()}
            assert world.observation_space.contains(row)


def test_the_same_seed_gives_the_same_steps_whoever_is_beside() -> None:
    alone, beside = WarehouseWorld(SIMPLE, 1, seed=3), WarehouseWorld(SIMPLE, 4, seed=3)
    alone.reset(), beside.reset()
    for _ in range(200):
        action = np.array([0.3, 0.1])
        a, b = alone.step(action[None]), beside.step(np.tile(action, (4, 1)))
        assert np.array_equal(a.observation["scan"][0], b.observation["scan"][0])
        assert a.reward[0] == b.reward[0]


def test_a_resumed_stream_goes_on_with_the_same_episodes() -> None:
    world = WarehouseWorld(SIMPLE, 2)
    world.reset()
    drive(world, 400)
    again = WarehouseWorld(SIMPLE, 2)
    again.restore(world.state())
    again.reset()
    assert [e.episode_id for e in again.episodes] == [e.episode_id for e in world.episodes]
    assert [e.start for e in again.episodes] == [e.start for e in world.episodes]


def open_hall(tmp_path: Path, lines: str = "\n".join(["." * 12] * 8)) -> str:
    (tmp_path / "hall.txt").write_text(lines)
    return str(tmp_path / "hall.txt")


def test_a_goal_is_told_once_it_is_seen(tmp_path: Path) -> None:
    wall = "\n".join(["." * 12] * 3 + ["......#....."] * 2 + ["." * 12] * 3)
    config = WarehouseConfig(open_hall(tmp_path, wall), sight_m=20.0)
    world = WarehouseWorld(config)
    hidden = Episode("a", "hall", 0, (4.5, 4.0, 0.0), (9.0, 4.0))
    assert (world.start([hidden])["goal"] == 0).all()
    seen = Episode("b", "hall", 0, (4.5, 1.5, 0.0), (9.0, 1.5))
    assert world.start([seen])["goal"][0] == pytest.approx([4.5 / 20, 0, 1, 1], abs=1e-5)
    left = Episode("c", "hall", 0, (4.5, 1.5, 0.0), (4.5, 6.5))
    assert world.start([left])["goal"][0] == pytest.approx([5 / 20, 1, 0, 1], abs=1e-5)
    far = WarehouseWorld(replace(config, sight_m=4.0))
    assert (far.start([seen])["goal"] == 0).all()


def test_arrival_pays_one_and_ends_contact_costs_a_quarter_and_ends(tmp_path: Path) -> None:
    world = WarehouseWorld(WarehouseConfig(open_hall(tmp_path)), 2)
    episodes = [
        Episode("a", "hall", 0, (4.0, 4.0, 0.0), (6.0, 4.0)),
        Episode("b", "hall", 0, (10.5, 4.0, 0.0), (2.0, 4.0)),
    ]
    world.start(episodes)
    rewards, over = np.zeros(2), np.zeros(2, bool)
    for _ in range(40):
        step = world.step(np.array([[1.0, 0.0], [1.0, 0.0]]))
        rewards += np.where(over, 0, step.reward)
        assert not step.truncated.any()
        over |= step.terminated
    assert over.all()
    assert rewards[0] == pytest.approx(1, abs=0.05)
    assert rewards[1] == pytest.approx(-0.25, abs=0.05)


def test_contact_that_continues_is_paid_once(tmp_path: Path) -> None:
    world = WarehouseWorld(WarehouseConfig(open_hall(tmp_path), contact="continues", step_reward=0.0))
    world.start([Episode("b", "hall", 0, (10.5, 4.0, 0.0), (2.0, 4.0))])
    paid = [float(world.step(np.array([[1.0, 0.0]])).reward[0]) for _ in range(40)]
    assert sum(paid) == pytest.approx(-0.25)


def test_time_that_is_up_truncates_and_the_last_observation_is_told() -> None:
    world = WarehouseWorld(replace(SIMPLE, episode_steps=30, contact="continues"), 2)
    world.reset()
    steps = [world.step(np.tile(world.simulation.standstill, (2, 1))) for _ in range(30)]
    assert steps[-1].truncated.all()
    assert not any(step.truncated.any() for step in steps[:-1])
    last, first = steps[-1].infos[0]["final_observation"], steps[-1].observation
    assert not np.array_equal(last["scan"], first["scan"][0])


def test_progress_is_paid_as_a_potential(tmp_path: Path) -> None:
    config = WarehouseConfig(open_hall(tmp_path), step_reward=0.0, progress_weight=1.0, gamma=1.0)
    world = WarehouseWorld(config)
    world.start([Episode("a", "hall", 0, (3.0, 4.0, 0.0), (8.0, 4.0))])
    paid, over = 0.0, False
    while not over:
        step = world.step(np.array([[1.0, 0.0]]))
        paid, over = paid + float(step.reward[0]), bool(step.terminated[0])
    assert paid == pytest.approx(1 + 5.0, abs=0.15)


def test_goals_are_replaced_in_the_papers_dynamic_scenes() -> None:
    world = WarehouseWorld(replace(SIMPLE, replace_every=20))
    world.reset()
    first = world.goals.xy.copy()
    for _ in range(20):
        world.step(world.simulation.standstill[None])
    assert not np.array_equal(first, world.goals.xy)


def test_a_fixed_goal_is_the_same_in_all_episodes_of_a_hall() -> None:
    world = WarehouseWorld(replace(SIMPLE, goal_place="fixed", episode_steps=3), 4)
    world.reset()
    goals: dict[str, set] = {}
    for _ in range(40):
        for episode in world.episodes:
            goals.setdefault(episode.scene_id, set()).add(episode.goal)
        drive(world, 1)
    assert {len(found) for found in goals.values()} == {1}


def test_goals_may_be_stations() -> None:
    world = WarehouseWorld(WarehouseConfig("site", layouts=1, goal_place="stations"), 8)
    world.reset()
    stations = {station.pose[:2] for station in world.places[0].grid.layout.stations}
    assert {episode.goal for episode in world.episodes} <= stations
    assert len({episode.goal for episode in world.episodes}) > 1
    with pytest.raises(SceneError, match="no dock, charger or bay"):
        WarehouseWorld(replace(SIMPLE, goal_place="stations")).reset()


def test_train_and_val_halls_differ() -> None:
    train, val = WarehouseWorld(SIMPLE, split="train"), WarehouseWorld(SIMPLE, split="val")
    assert set(train.scene_ids).isdisjoint(val.scene_ids)
    assert not np.array_equal(train.places[0].grid.body, val.places[0].grid.body)


@pytest.mark.parametrize(
    ("start", "goal", "said"),
    [
        ((0.2, 4.0, 0.0), (6.0, 4.0), "stands at its start"),
        ((4.0, 4.0, 0.0), (0.1, 0.1), "cannot be"),
        ((4.0, 4.0, 0.0), (99.0, 4.0), "cannot be"),
        ((4.0, 4.0, 0.0), None, "cannot be"),
    ],
)
def test_starts_and_goals_in_walls_are_refused(tmp_path: Path, start: tuple, goal: tuple, said: str) -> None:
    world = WarehouseWorld(WarehouseConfig(open_hall(tmp_path)))
    with pytest.raises(SceneError, match=said):
        world.start([Episode("x", "hall", 0, start, goal)])


def test_a_vehicle_that_is_too_wide_is_refused(tmp_path: Path) -> None:
    aisle = open_hall(tmp_path, "cell: 0.6\n" + "\n".join(["#" * 12, "." * 12, "#" * 12]))
    with pytest.raises(SceneError, match="no room for vehicle"):
        WarehouseWorld(WarehouseConfig(aisle, vehicle="forklift"))


@pytest.mark.parametrize("text", ["", "x..", "cell: no\n...", "cell: 99\n..."])
def test_files_that_are_no_drawings_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SceneError, match="no drawing"):
        WarehouseWorld(WarehouseConfig(open_hall(tmp_path, text)))


def test_actions_that_are_not_finite_are_refused() -> None:
    world = WarehouseWorld(SIMPLE)
    world.reset()
    with pytest.raises(SceneError, match="expected numbers"):
        world.step(np.array([[np.nan, 0.0]]))


@pytest.mark.parametrize(
    "field", [{"layouts": 0}, {"reach_m": 0.0}, {"loaded_share": 2.0}, {"step_reward": np.nan}]
)
def test_settings_that_make_no_sense_are_refused(field: dict) -> None:
    with pytest.raises(SceneError, match="warehouse"):
        WarehouseConfig(**field)

"""What holds for every reward that reads observations: pure, resumed to the last bit, of any space."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from robonav.errors import UsageError
from robonav.rewards import IntrinsicRewardVecEnv, make_reward
from robonav.rewards.registry import REWARDS
from tests.rewards.environments import ACTIONS, SPACES, context, corridors, pay, snapshot, walk

PRIVILEGED = ("geometric", "rgb", "coverage", "sub-goals")
NAMES = [kind.name for kind in REWARDS if kind.name not in PRIVILEGED]
LEARNED = ("rnd", "icm", "disagreement", "lpm", "rdd", "coin-flip")


def quick(name: str, **options):
    """A reward that learns every four steps."""
    return make_reward(name, **({"horizon": 4} if name in (*LEARNED, "e3b") else {}), **options)


@pytest.mark.parametrize("actions", ACTIONS)
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", NAMES)
def test_it_reads_any_observations_and_actions(name: str, space: str, actions: str) -> None:
    found = context(SPACES[space], ACTIONS[actions])
    paid = pay(quick(name).build(found), found, 20)
    assert paid.shape == (20, 3)
    assert paid.dtype == np.float32
    assert np.isfinite(paid).all()
    assert np.ptp(paid) > 0 or name == "episodic-cells"  # of which all may be new


@pytest.mark.parametrize("name", NAMES)
def test_judging_changes_nothing(name: str) -> None:
    found = context(SPACES["dict"], ACTIONS["one"])
    reward = quick(name).build(found)
    pay(reward, found, 9)
    before = {key: np.array(value) for key, value in reward.state_dict().items()}
    (_, step), *_ = walk(found, 1, seed=5)
    np.testing.assert_array_equal(reward.compute(*step), reward.compute(*step))
    after = reward.state_dict()
    assert before.keys() == after.keys()
    for key, value in before.items():
        np.testing.assert_array_equal(value, after[key])


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_reward_goes_on_to_the_last_bit_and_leaves_random_numbers_alone(name: str) -> None:
    found = context(SPACES["dict"], ACTIONS["one"])
    whole = quick(name).build(found)
    pay(whole, found, 14)  # in the middle of what a horizon gathers, at the end of episodes
    resumed = quick(name).build(context(SPACES["dict"], ACTIONS["one"], seed=9))
    resumed.load_state_dict({key: np.array(value) for key, value in whole.state_dict().items()})
    torch.manual_seed(3)
    a = pay(whole, found, 14, seed=1)
    drawn = torch.rand(1)
    torch.manual_seed(4)
    np.testing.assert_array_equal(a, pay(resumed, found, 14, seed=1))
    torch.manual_seed(3)
    assert torch.rand(1) == drawn  # nobody else's random numbers were used


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_in_somebody_elses_environment_and_scores_the_true_last_observation(name: str) -> None:
    env = IntrinsicRewardVecEnv(corridors(2, length=3, limit=50), quick(name))
    env.reset()
    seen = []
    judge = env.reward.compute
    env.reward.compute = lambda *step: seen.append(step) or judge(*step)
    for _ in range(8):
        observation, _, dones, infos = env.step(np.ones(2, int))
        assert infos[0]["intrinsic_reward"] == pytest.approx(env.intrinsic_rewards[0])
        _, _, after, terminated, truncated = seen[-1]
        assert not truncated.any()
        np.testing.assert_array_equal(terminated, dones)
        if dones.all():
            assert after.observation["observation"].tolist() == [3, 3]
            assert observation.tolist() == [2, 2]
    assert any(step[3].any() for step in seen)


@pytest.mark.parametrize("name", NAMES)
def test_spaces_that_cannot_be_read_are_refused_before_anything_is_trained(name: str) -> None:
    if name == "episodic-cells":
        pytest.skip("counts whatever there is")
    with pytest.raises(UsageError, match="cannot read observation 'observation'"):
        quick(name).build(context(spaces.Text(5), ACTIONS["one"]))


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is to read 'lidar': observations have"):
        quick(name, keys=("lidar",)).build(context(SPACES["dict"], ACTIONS["one"]))


@pytest.mark.parametrize("name", PRIVILEGED)
def test_rewards_for_depth_and_poses_refuse_other_environments(name: str) -> None:
    with pytest.raises(UsageError, match=f"reward {name} is paid for depth"):
        IntrinsicRewardVecEnv(corridors(1), make_reward(name))


def test_actions_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(UsageError, match="reads actions"):
        make_reward("icm").build(context(SPACES["vector"], spaces.Text(3)))


def test_typos_are_told_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="perhaps you meant coin-flip"):
        make_reward("coin-flp")
    with pytest.raises(UsageError, match="perhaps you meant learning_rate"):
        make_reward("rnd", learning_rat=1.0)


class Broken(gymnasium.Env):
    observation_space, action_space = SPACES["vector"], spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(4, np.float32), {}

    def step(self, action):
        return np.full(4, np.nan, np.float32), 0.0, False, False, {}


def test_observations_that_are_no_numbers_are_told() -> None:
    env = IntrinsicRewardVecEnv(DummyVecEnv([Broken]), make_reward("rnd"))
    env.reset()
    with pytest.raises(UsageError, match="observation 'observation' holds a value that is no number"):
        env.step(np.zeros(1, int))


def test_networks_that_do_not_learn_pay_the_same_for_ever() -> None:
    found = context(SPACES["vector"], ACTIONS["one"])
    control = quick("rnd", learns=False).build(found)
    weights = {key: value.clone() for key, value in control.networks.state_dict().items()}
    pay(control, found, 20)
    assert all(torch.equal(value, weights[key]) for key, value in control.networks.state_dict().items())
    some = snapshot(found.observation_space, 3)
    assert control.compute(some, np.zeros(3, int), some, np.zeros(3, bool), np.zeros(3, bool)).min() > 0


def test_the_share_of_steps_that_are_learned_from_is_kept() -> None:
    found = context(SPACES["vector"], ACTIONS["one"])
    reward = make_reward("rnd", horizon=8, share=0.25, batch_size=1000).build(found)
    learned = []
    reward.learn = lambda batch: learned.append(len(batch.over)) or {}
    pay(reward, found, 16)
    assert learned == [6, 6]  # a quarter of 8 steps of 3 agents

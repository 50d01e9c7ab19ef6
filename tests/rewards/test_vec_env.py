"""Any vector environment can be paid an intrinsic reward, and what was paid reaches the advantages."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3 import DQN, PPO, SAC, HerReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecMonitor, VecNormalize

from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.errors import UsageError
from robonav.policies.config import SequencePolicyConfig
from robonav.rewards import IntrinsicRewardVecEnv, LinearSchedule, make_reward
from robonav.rewards.return_scale import ReturnScale
from tests.algorithms.worlds import AimWorld
from tests.rewards.any_env import ACTIONS, OBSERVATIONS, Corridor, VisitCounts, corridors, places


def walked(env: IntrinsicRewardVecEnv, steps: int) -> np.ndarray:
    """Rewards (steps, N) of actions that do not matter."""
    action = np.stack([env.action_space.sample()] * env.num_envs)
    return np.stack([env.step(action)[1] for _ in range(steps)])


def digest(env: IntrinsicRewardVecEnv) -> str:
    """Hash of all that the wrapper knows."""
    parts = [name.encode() + array.tobytes() for name, array in sorted(env.state_dict().items())]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_all_spaces_are_paid_in_one_environment_and_in_many(observation, action, count):
    venv = corridors(count, observation=observation, action=action, limit=5)
    env = IntrinsicRewardVecEnv(venv, VisitCounts(), normalise=False)
    env.reset()
    paid = walked(env, 7)
    np.testing.assert_allclose(paid[:5], 1.0)
    np.testing.assert_allclose(paid[5:], 1 / np.sqrt(1 + count), rtol=1e-6)
    assert env.reward.steps[0].action.shape == (count, *env.action_space.shape)


def test_the_true_final_observation_is_scored_and_the_next_episode_begins_with_its_first():
    reward = VisitCounts()
    env = IntrinsicRewardVecEnv(
        DummyVecEnv([lambda: Corridor(fall=3), lambda: Corridor(limit=3), Corridor]), reward
    )
    env.reset()
    walked(env, 4)
    assert [places(step.before) for step in reward.steps] == [[0] * 3, [1] * 3, [2] * 3, [0, 0, 3]]
    assert [places(step.after) for step in reward.steps] == [[1] * 3, [2] * 3, [3] * 3, [1, 1, 4]]
    last = reward.steps[2]
    assert last.terminated.tolist() == [True, False, False]
    assert last.truncated.tolist() == [False, True, False]
    assert [mask.tolist() for mask in reward.starts] == [[True] * 3, [True, True, False]]


def test_an_episode_that_falls_and_is_out_of_time_at_once_has_terminated():
    reward = VisitCounts()
    env = IntrinsicRewardVecEnv(corridors(1, fall=2, limit=2), reward)
    env.reset()
    walked(env, 2)
    assert reward.steps[1].terminated[0]
    assert not reward.steps[1].truncated[0]


@pytest.mark.parametrize("inner", [VecNormalize, VecMonitor, lambda venv: VecFrameStack(venv, 2)])
@pytest.mark.parametrize("outer", [VecNormalize, VecMonitor, lambda venv: VecFrameStack(venv, 2)])
def test_other_wrappers_may_stand_on_either_side(inner, outer):
    paying = IntrinsicRewardVecEnv(inner(corridors(2, limit=3)), VisitCounts())
    env = outer(paying)
    env.reset()
    for _ in range(8):
        env.step(np.zeros(2, int))
    assert (paying.intrinsic_rewards > 0).all()
    assert len(paying.reward.steps) == 8


def test_the_bonus_is_divided_by_the_std_of_its_return_as_vec_normalize_does_and_never_shifted():
    raw = IntrinsicRewardVecEnv(corridors(2, limit=4), VisitCounts(), normalise=False)
    theirs = VecNormalize(raw, norm_obs=False, gamma=0.9)
    env = IntrinsicRewardVecEnv(corridors(2, limit=4), VisitCounts(), gamma=0.9)
    env.reset()
    theirs.reset()
    ours = walked(env, 30)
    np.testing.assert_allclose(ours, walked(theirs, 30), rtol=1e-5)
    assert (ours > 0).all()


def test_the_return_of_a_global_bonus_goes_on_over_episode_ends():
    scales = []
    for episodic in (True, False):
        env = IntrinsicRewardVecEnv(corridors(1, limit=4), VisitCounts(), gamma=0.9, episodic=episodic)
        env.reset()
        walked(env, 40)
        scales.append(float(env.state_dict()["scale/mean"]))
    assert scales[1] > 1.2 * scales[0]


def test_two_streams_leave_the_task_alone_and_say_what_the_bonus_is():
    env = IntrinsicRewardVecEnv(corridors(2, pays=0.25), VisitCounts(), streams="two", normalise=False)
    env.reset()
    _, task, _, infos = env.step(np.zeros(2, int))
    np.testing.assert_array_equal(task, [0.25, 0.25])
    np.testing.assert_array_equal(env.intrinsic_rewards, [1.0, 1.0])
    assert [info["intrinsic_reward"] for info in infos] == [1.0, 1.0]
    assert env.metrics == {"places": 1.0}


def test_the_weight_follows_its_schedule_over_environment_steps():
    env = IntrinsicRewardVecEnv(corridors(2), VisitCounts(), LinearSchedule(1.0, 0.0, 8), normalise=False)
    env.reset()
    np.testing.assert_allclose(walked(env, 6)[:, 0], [1.0, 0.75, 0.5, 0.25, 0.0, 0.0])
    with pytest.raises(UsageError, match="steps of a schedule is 0: give at least 1"):
        LinearSchedule(1.0, 0.0, 0)


def advantages(algorithm: str, weight: float) -> np.ndarray:
    """Of the first rollout; environment, seed and actions are the same for every weight."""
    if algorithm == "sequence-ppo":
        env = IntrinsicRewardVecEnv(AimWorld(2, "discrete"), ByPlace(), weight)
        size = SequencePolicyConfig(width=16, blocks=1, heads=2, window=8)
        model = SequencePPO(env, SequencePPOConfig(rollout_steps=16), size, seed=0, device="cpu")
    else:
        env = IntrinsicRewardVecEnv(corridors(2, limit=7, pays=0.1), VisitCounts(), weight)
        kind = RecurrentPPO if algorithm == "recurrent-ppo" else PPO
        policy = "MlpLstmPolicy" if algorithm == "recurrent-ppo" else "MlpPolicy"
        model = kind(policy, env, n_steps=16, batch_size=16, n_epochs=1, seed=0, device="cpu")
    model.train = lambda: None  # keeps the raw advantages of the rollout
    model.learn(32)
    return np.array(model.rollout_buffer.advantages)


class ByPlace(VisitCounts):
    """Pays for a number of the observation."""

    def compute(self, before, action, after, terminated, truncated):
        return np.stack(
            [np.asarray(rows, np.float32).reshape(len(rows), -1)[:, 0] for rows in after.observation.values()]
        ).sum(0) + action.astype(np.float32)

    def update(self, step):
        return {}


@pytest.mark.parametrize("algorithm", ["ppo", "recurrent-ppo", "sequence-ppo"])
def test_the_advantages_change_when_the_bonus_changes_and_only_then(algorithm):
    once, again, without = advantages(algorithm, 1.0), advantages(algorithm, 1.0), advantages(algorithm, 0.0)
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - without).min() > 1e-6


def test_sac_stores_the_bonus_with_what_the_environment_paid():
    paid = []
    for weight in (0.0, 1.0):
        venv = corridors(1, action="box", limit=9)
        env = IntrinsicRewardVecEnv(venv, VisitCounts(), weight, normalise=False)
        model = SAC("MlpPolicy", env, learning_starts=10, buffer_size=50, batch_size=4, seed=0, device="cpu")
        model.learn(12)
        paid.append(model.replay_buffer.rewards[:12, 0])
    assert not paid[0].any()
    assert (paid[1] > 0.5).all()


def test_a_frozen_wrapper_pays_nothing_and_changes_nothing():
    env = IntrinsicRewardVecEnv(corridors(2, limit=3, pays=0.5), VisitCounts())
    env.reset()
    walked(env, 5)
    env.training, before = False, digest(env)
    np.testing.assert_array_equal(walked(env, 5), 0.5)
    env.reset()
    np.testing.assert_array_equal(walked(env, 4), 0.5)
    assert digest(env) == before
    assert not env.intrinsic_rewards.any()
    env.training = True
    assert (walked(env, 2) > 0.5).all()
    assert env.reward.starts[-1].all()  # it is told of the episode that it did not see begin
    assert digest(env) != before


@pytest.mark.parametrize("episodic", [True, False])
def test_a_resumed_wrapper_pays_what_an_uninterrupted_one_pays(episodic):
    venvs = corridors(2, limit=5), corridors(2, limit=5)
    envs = [IntrinsicRewardVecEnv(venv, VisitCounts(), episodic=episodic) for venv in venvs]
    envs[0].reset()
    walked(envs[0], 10)
    state = envs[0].state_dict()
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in state.values())
    envs[1].load_state_dict(state)
    envs[1].reset()
    np.testing.assert_array_equal(walked(envs[0], 10), walked(envs[1], 10))
    assert digest(envs[0]) == digest(envs[1])
    with pytest.raises(KeyError, match="counts"):
        envs[1].load_state_dict({})


@pytest.mark.parametrize(("weight", "warned"), [(1e-4, True), (1.0, False), (0.0, False)])
def test_a_bonus_that_stays_below_one_percent_is_told_once_in_any_algorithm(weight, warned, recwarn):
    env = IntrinsicRewardVecEnv(corridors(1, pays=1.0, limit=99), VisitCounts(), weight)
    env.reset()
    walked(env, 6 * 512)
    told = [str(w.message) for w in recwarn if "the bonus is" in str(w.message)]
    assert len(told) == warned
    assert all("in effect it is switched off; give it more weight" in sentence for sentence in told)


class Goal(gymnasium.Env):
    """The least environment that HerReplayBuffer takes."""

    observation_space = spaces.Dict(
        {name: spaces.Box(-9.0, 9.0, (1,)) for name in ("observation", "achieved_goal", "desired_goal")}
    )
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return dict.fromkeys(self.observation_space.spaces, np.zeros(1, np.float32)), {}

    def step(self, action):
        self.steps += 1
        return self.reset.__func__(Goal())[0], 0.0, False, self.steps == 4, {}

    def compute_reward(self, achieved, desired, info):
        return np.zeros(len(achieved))


def test_replay_that_computes_rewards_anew_is_refused():
    env = IntrinsicRewardVecEnv(DummyVecEnv([Goal]), VisitCounts())
    model = DQN(
        "MultiInputPolicy", env, replay_buffer_class=HerReplayBuffer, learning_starts=8, buffer_size=99
    )
    with pytest.raises(UsageError, match="HerReplayBuffer computes rewards anew"):
        model.learn(40)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"observation": 3}, "environment 0 gave nan as observation 'place'"),
        ({"reward": 2}, r"beside \[nan\] of the task: rewards have to be finite"),
    ],
)
def test_what_is_no_number_is_told_with_its_place(broken, sentence):
    env = IntrinsicRewardVecEnv(corridors(1, observation="dict", broken=broken), VisitCounts())
    env.reset()
    with pytest.raises(UsageError, match=sentence):
        walked(env, 3)


def test_a_final_observation_that_is_no_number_is_told():
    env = IntrinsicRewardVecEnv(corridors(1, limit=3, broken={"observation": 3}), VisitCounts())
    env.reset()
    with pytest.raises(UsageError, match="environment 0 gave nan as observation 'observation'"):
        walked(env, 3)


def test_environments_that_hide_their_final_observation_are_told():
    class Hiding(DummyVecEnv):
        def step_wait(self):
            observation, rewards, dones, infos = super().step_wait()
            return observation, rewards, dones, [{} for _ in infos]

    env = IntrinsicRewardVecEnv(Hiding([lambda: Corridor(limit=2)]), VisitCounts())
    env.reset()
    with pytest.raises(UsageError, match="without info\\['terminal_observation'\\], which is scored"):
        walked(env, 2)


def test_what_cannot_be_is_refused_before_anything_is_stepped():
    with pytest.raises(UsageError, match='streams is \'three\': give "sum" or "two"'):
        IntrinsicRewardVecEnv(corridors(), VisitCounts(), streams="three")
    with pytest.raises(UsageError, match="there is no reward 'geometrik': perhaps you meant geometric"):
        make_reward("geometrik")
    with pytest.raises(UsageError, match="has no option 'reach': perhaps you meant reach_m"):
        make_reward("geometric", reach=1.0)
    with pytest.raises(UsageError, match="only robonav's worlds give"):
        IntrinsicRewardVecEnv(corridors(), make_reward("geometric"))


def test_the_first_reward_of_one_environment_is_cut_off_not_blown_up():
    scale = ReturnScale(1, 0.99)
    scale.take_in(np.array([1e6]), np.array([True]))
    assert scale.divided(np.array([1e6]))[0] <= 10.0


def test_importing_the_package_of_rewards_loads_neither_torch_nor_sb3():
    code = "import robonav.rewards, sys; print({'torch', 'stable_baselines3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

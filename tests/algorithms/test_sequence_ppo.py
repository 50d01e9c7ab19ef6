"""PPO over sequences: advantages are right, it learns what needs memory, nothing privileged gets in."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from robonav.algorithms.sequence_buffer import SequenceBuffer, Stream
from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.errors import UsageError
from robonav.perception.predictor import OccupancyPredictor, PredictorConfig
from robonav.planners.own_map import OwnMapConfig
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.sequence import SequencePolicy
from robonav.rewards import IntrinsicRewardVecEnv, make_reward
from tests.worlds import Rooms

SMALL = SequencePolicyConfig(width=32, blocks=1, heads=2, window=8)


def small_predictor() -> OccupancyPredictor:
    torch.manual_seed(0)
    predictor = OccupancyPredictor(PredictorConfig(channels=(8, 8, 8, 8), column=8, squeezed=2))
    for weight in predictor.parameters():
        weight.data *= 4.5  # as strong as the features of a predictor that was taught
    return predictor


class RecallEnv(VecEnv):
    """The first frame is black or white, the rest is grey; the action at the last step must name which."""

    LENGTH = 4

    def __init__(self, num_envs: int) -> None:
        self.render_mode = None
        observation = spaces.Dict(
            rgb=spaces.Box(0, 255, (3, 36, 36), np.uint8), previous_action=spaces.Discrete(4)
        )
        super().__init__(num_envs, observation, spaces.Discrete(3))
        self.rng = np.random.default_rng(0)

    def reset(self):
        self.time, self.color = 0, self.rng.integers(0, 2, self.num_envs)
        return self.observe()

    def observe(self):
        rgb = np.full((self.num_envs, 3, 36, 36), 128, np.uint8)
        if self.time == 0:
            rgb[:] = np.where(self.color, 255, 0)[:, None, None, None]
        return {"rgb": rgb, "previous_action": np.zeros(self.num_envs, np.int64)}

    def step_async(self, actions):
        self.actions = actions

    def step_wait(self):
        self.time += 1
        last = self.time == self.LENGTH
        rewards = (last * (self.actions == self.color)).astype(np.float32)
        done = np.full(self.num_envs, last)
        infos = [{"terminal_observation": None} if last else {} for _ in range(self.num_envs)]
        return (self.reset() if last else self.observe()), rewards, done, infos

    def close(self):
        pass

    def get_attr(self, attr_name, indices=None):
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name, value, indices=None):
        setattr(self, attr_name, value)

    def env_method(self, method_name, *args, indices=None, **kwargs):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False] * self.num_envs


def recall_score(window: int, steps: int) -> float:
    config = SequencePPOConfig(rollout_steps=16, sequences_per_batch=8, learning_rate=3e-3, entropy=0.01)
    policy = SequencePolicyConfig(width=32, blocks=1, heads=2, window=window, own_map=None, planner=None)
    model = SequencePPO(
        VecMonitor(RecallEnv(32)), config, policy, seed=0, device="cpu", predictor=small_predictor()
    )
    model.learn(steps)
    return float(np.mean([info["r"] for info in model.ep_info_buffer]))


def test_it_learns_to_recall_what_only_memory_can_know():
    assert recall_score(window=8, steps=25_000) > 0.9


def test_without_memory_the_same_task_stays_at_chance():
    assert recall_score(window=1, steps=15_000) < 0.65


def test_advantages_equal_those_of_stable_baselines3():
    rng = np.random.default_rng(0)
    length, envs = 12, 3
    ours = SequenceBuffer(length, envs, {})
    theirs = RolloutBuffer(
        length, spaces.Box(0, 1, (1,)), spaces.Discrete(3), gae_lambda=0.9, gamma=0.97, n_envs=envs
    )
    starts = rng.random((length + 1, envs)) < 0.2
    starts[0] = True
    rewards, values = rng.normal(size=(2, length + 1, envs)).astype(np.float32)
    for t in range(length):
        ours.starts[t], ours.rewards[t], ours.values[t] = starts[t], rewards[t, :, None], values[t, :, None]
        value = torch.tensor(values[t])
        theirs.add(np.zeros((envs, 1)), np.zeros((envs, 1)), rewards[t], starts[t], value, torch.zeros(envs))
    theirs.compute_returns_and_advantage(torch.tensor(values[length]), starts[length])
    ours.compute_advantages(values[length, :, None], starts[length], [Stream(0.97)], 0.9)
    np.testing.assert_allclose(ours.advantages, theirs.advantages, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.returns[..., 0], theirs.returns, rtol=1e-4, atol=1e-5)


LEARNED = {"features": "predictor", "horizon": 2}
REWARDS: dict[str, dict[str, Any]] = {"geometric": {}, "icm": LEARNED, "rnd": LEARNED, "coverage": {}}


def explorer(
    seed: int = 0, reward_scale: float = 1.0, reward: str = "geometric"
) -> tuple[SequencePPO, NavigationVecEnv]:
    camera = Camera(width=40, height=40)
    worlds = NavigationVecEnv(Rooms(), 2, camera, max_episode_steps=8, seed=seed)
    bonus = make_reward(reward, **REWARDS[reward])
    env = VecMonitor(
        IntrinsicRewardVecEnv(worlds, bonus, reward_scale, normalise=False, predictor=small_predictor())
    )
    config = SequencePPOConfig(rollout_steps=8, sequences_per_batch=1)
    return SequencePPO(env, config, SMALL, seed=seed, device="cpu", predictor=small_predictor()), worlds


@pytest.mark.parametrize("reward", REWARDS)
def test_the_policy_gradient_changes_when_the_bonus_changes(reward):
    weights = []
    for scale in (1.0, 1.0, 0.0):
        model, _ = explorer(reward_scale=scale, reward=reward)
        model.learn(32)
        weights.append(torch.cat([p.flatten() for p in model.policy.parameters()]))
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
    assert not torch.allclose(weights[0], weights[2])


def test_no_privileged_array_is_in_what_the_policy_receives():
    model, worlds = explorer()
    received = []
    tensors = model._tensors

    def spy(observation):
        received.append({key: value.copy() for key, value in observation.items()})
        return tensors(observation)

    model._tensors = spy  # type: ignore[method-assign]
    model.learn(16)
    privileged = {"depth", "T_world_camera", "position", "yaw", "collided"}
    assert privileged < set(vars(worlds.frames))
    for observation in received:
        assert set(observation) == {"rgb", "previous_action"}
        assert observation["rgb"].dtype == np.uint8
        assert observation["rgb"].shape[1:] == (3, 40, 40)
        assert set(np.unique(observation["previous_action"])) <= {0, 1, 2, 3}


def test_what_the_policy_does_is_a_function_of_rgb_and_previous_actions_alone():
    model, worlds = explorer()
    observation = model.env.reset()
    first, _ = model.predict(observation, deterministic=True)
    for name in ("depth", "T_world_camera", "position", "yaw"):
        getattr(worlds.frames, name)[:] = np.nan
    again, _ = model.predict(observation, deterministic=True)
    np.testing.assert_array_equal(first, again)


def test_predict_remembers_through_the_state_it_returns():
    model, _ = explorer()
    observation = model.env.reset()
    _, memory = model.predict(observation, episode_start=np.ones(2, bool))
    assert memory.frames[0].step == 1
    _, memory = model.predict(observation, memory, np.array([False, True]))
    assert memory.frames[0].age.tolist() == [2, 1]


def test_acting_with_memory_equals_the_whole_sequence_in_the_policy_too():
    model, _ = explorer()
    policy, generator = model.policy, torch.Generator().manual_seed(0)
    rgb = torch.randint(0, 255, (20, 2, 3, 40, 40), dtype=torch.uint8, generator=generator)
    previous = torch.randint(0, 4, (20, 2), generator=generator)
    starts = torch.rand(20, 2, generator=generator) < 0.2
    memory, percepts, logits, values = policy.new_memory(2), [], [], []
    with torch.no_grad():
        for t in range(20):
            observation = {"rgb": rgb[t], "previous_action": previous[t]}
            percepts.append(policy.perceive(observation, memory, starts[t]))
            distribution, value = policy.step(percepts[-1], memory, starts[t])
            logits.append(distribution.logits)
            values.append(value)
        sequences = {name: torch.stack([percept[name] for percept in percepts], 1) for name in percepts[0]}
        whole, whole_values = policy(sequences, starts.T)
    torch.testing.assert_close(torch.stack(logits, 1), whole.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.stack(values, 1), whole_values, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("own_map", [OwnMapConfig(), None])
def test_the_own_map_changes_what_the_policy_does_and_only_where_it_has_one(own_map):
    torch.manual_seed(0)
    policy = SequencePolicy(
        RecallEnv(1).observation_space,
        spaces.Discrete(3),
        replace(SMALL, window=1, own_map=own_map, planner=None, predictor=small_predictor().config),
    )
    policy.encoder.predictor.load_state_dict(small_predictor().state_dict())
    frame = torch.full((1, 3, 36, 36), 128, dtype=torch.uint8)
    values = []
    for seen_before in (0, 255):
        memory, no = policy.new_memory(1), torch.tensor([False])
        with torch.no_grad():
            before = torch.full_like(frame, seen_before)
            policy.act({"rgb": before, "previous_action": torch.tensor([0])}, memory, ~no)
            values.append(policy.act({"rgb": frame, "previous_action": torch.tensor([2])}, memory, no)[1])
    assert torch.equal(*values) == (own_map is None)


def test_peeking_at_a_value_leaves_no_trace_in_the_memory():
    model, _ = explorer()
    observation = model._tensors(model.env.reset())
    other = {**observation, "rgb": 255 - observation["rgb"]}
    outputs, goes_on = [], torch.zeros(2, dtype=torch.bool)
    for peek in (False, True):
        memory = model.policy.new_memory(2)
        for _ in range(12):  # longer than the window
            with torch.no_grad():
                if peek:
                    model.policy.peek_value(other, memory)
                value = model.policy.act(observation, memory, goes_on)[1]
        outputs.append(value)
    torch.testing.assert_close(outputs[0], outputs[1])


def test_a_truncated_episode_is_worth_what_would_have_followed():
    model, _ = explorer()
    model.learn(16)
    raw = model.rollout_buffer.rewards[-1]
    memory = model.policy.new_memory(2)
    last = [{key: value[i] for key, value in model._last_obs.items()} for i in range(2)]
    infos = [{"TimeLimit.truncated": True, "terminal_observation": observation} for observation in last]
    bonus = model._cut_off(np.array([True, True]), infos, memory)
    expected = model.config.gamma * model._peek(model._last_obs, memory)
    np.testing.assert_allclose(bonus, expected, rtol=1e-5)
    assert np.isfinite(raw).all()
    assert not model._cut_off(np.array([False, False]), [{}, {}], memory).any()


def test_the_eye_stays_as_it_was_taught():
    model, _ = explorer()
    model.learn(32)
    for name, weight in small_predictor().state_dict().items():
        torch.testing.assert_close(model.policy.encoder.predictor.state_dict()[name], weight, rtol=0, atol=0)


def test_plain_sb3_ppo_learns_on_the_same_worlds():
    camera = Camera(width=40, height=40)
    worlds = NavigationVecEnv(Rooms(), 2, camera, max_episode_steps=16)
    env = VecMonitor(IntrinsicRewardVecEnv(worlds, make_reward("geometric")))
    model = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, n_epochs=1, device="cpu", seed=0)
    model.learn(64)
    assert model.num_timesteps == 64
    assert max(episode["r"] for episode in model.ep_info_buffer) > 0


def test_a_policy_for_other_spaces_is_refused():
    with pytest.raises(UsageError, match=r"observation .matrix. is Box.*expected an image"):
        SequencePPO(VecMonitor(NoCamera(2)), policy_config=SMALL)


class NoCamera(RecallEnv):
    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        self.observation_space = spaces.Dict(matrix=spaces.Box(0, 1, (2, 2)))

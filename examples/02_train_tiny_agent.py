"""Train a tiny policy from Python, then let it act: the parts of `robonav train`.

    python examples/02_train_tiny_agent.py

Every part is exchangeable. The worlds are a Stable-Baselines3 VecEnv, so SB3's own PPO runs on them as well.
"""

from __future__ import annotations

import numpy as np
import tyro
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.envs.scenes import open_scenes
from robonav.envs.vec_env import NavigationVecEnv
from robonav.policies.config import SequencePolicyConfig
from robonav.rewards import IntrinsicRewardVecEnv, make_reward


def main(steps: int = 4096, num_envs: int = 8, episode_steps: int = 128, seed: int = 0) -> None:
    """Train for a few updates and print the intrinsic return before and after."""
    worlds = NavigationVecEnv(
        open_scenes("procedural", split="train"), num_envs, max_episode_steps=episode_steps, seed=seed
    )
    rewarded = VecMonitor(IntrinsicRewardVecEnv(worlds, make_reward("geometric"), normalise=False))
    normalised = VecNormalize(rewarded, norm_obs=False)

    agent = SequencePPO(
        normalised,
        SequencePPOConfig(rollout_steps=episode_steps, schedule_steps=steps),
        SequencePolicyConfig(width=64, blocks=1),
        seed=seed,
    )
    print(f"before: {curious_return(agent, rewarded):.1f} reward an episode")
    agent.learn(steps)
    print(f"after {agent.num_timesteps} steps: {curious_return(agent, rewarded):.1f} reward an episode")


def curious_return(agent: SequencePPO, worlds: VecMonitor) -> float:
    """Mean reward of one episode in every environment; the policy sees RGB and its own last action."""
    observation = worlds.reset()
    state, starts = None, np.ones(worlds.num_envs, dtype=bool)
    returns: list[float] = []
    while len(returns) < worlds.num_envs:
        actions, state = agent.predict(observation, state, starts)
        observation, _, starts, infos = worlds.step(actions)
        returns += [info["episode"]["r"] for info in infos if "episode" in info]
    return float(np.mean(returns))


if __name__ == "__main__":
    tyro.cli(main)

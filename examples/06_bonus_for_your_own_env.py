"""Give an environment of your own a bonus for what is new, in Stable-Baselines3's PPO.

    python examples/06_bonus_for_your_own_env.py --steps 24576
    python examples/06_bonus_for_your_own_env.py --steps 24576 --weight 0

FrozenLake pays 1 on the far side of 64 fields and nothing before. The second line trains without the bonus:
with it the mean return was 0.95, 0.99, 0.24 (seeds 0, 1, 2), without it 0.65, 0, 0. `robonav rewards list`
tells which rewards there are.
"""

from __future__ import annotations

import numpy as np
import tyro
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from robonav.rewards.registry import make_reward
from robonav.rewards.vec_env import IntrinsicRewardVecEnv


def main(
    env: str = "FrozenLake8x8-v1", reward: str = "rdd", weight: float = 0.1, steps: int = 24576, seed: int = 0
) -> None:
    """Train, and print how often the environment's own reward was earned."""
    worlds = make_vec_env(env, n_envs=8, seed=seed, env_kwargs={"is_slippery": False})
    curious = IntrinsicRewardVecEnv(worlds, make_reward(reward), weight, seed=seed)
    agent = PPO("MlpPolicy", curious, n_steps=128, ent_coef=0.01, seed=seed)
    agent.learn(steps)
    returns = [episode["r"] for episode in agent.ep_info_buffer or []]
    print(f"mean return of the last {len(returns)} episodes: {np.sum(returns) / max(len(returns), 1):.2f}")


if __name__ == "__main__":
    tyro.cli(main)

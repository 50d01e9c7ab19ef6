"""Train a policy of velocities for a simulated robot with Stable-Baselines3's PPO.

    python examples/05_train_continuous_control.py --steps 8192

The robot has weight, wheels that slip and a bumper; the policy sees its camera, its last command and its
odometry. The reward is surface that is new to the reconstruction.
"""

from __future__ import annotations

import gymnasium
import numpy as np
import tyro
from gymnasium.wrappers import RescaleAction
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv


def main(
    steps: int = 8192,
    scenes: str = "procedural",
    robot: str = "turtlebot",
    episode_steps: int = 128,
    seed: int = 0,
) -> None:
    """Train for some updates and print the return and the contact time of an episode."""

    def drive() -> gymnasium.Env:
        options = {"scenes": scenes, "robot": robot, "max_episode_steps": episode_steps}
        env = gymnasium.make("robonav.driving:robonav/Drive-v0", disable_env_checker=True, **options)
        return Monitor(RescaleAction(env, -1.0, 1.0))  # PPO draws actions of about that size

    worlds = DummyVecEnv([drive])
    worlds.seed(seed)
    agent = PPO("MultiInputPolicy", worlds, n_steps=2 * episode_steps, batch_size=64, n_epochs=4, seed=seed)
    print("before:", episode(agent, worlds))
    agent.learn(steps)
    print(f"after {agent.num_timesteps} steps:", episode(agent, worlds))
    worlds.close()


def episode(agent: PPO, worlds: DummyVecEnv) -> str:
    """One episode of the policy, in words."""
    observation, rewards, contact_s, done = worlds.reset(), 0.0, 0.0, np.zeros(1, bool)
    while not done[0]:
        action, _ = agent.predict(observation)
        observation, reward, done, infos = worlds.step(action)
        rewards += float(reward[0])
        contact_s += infos[0]["contact_s"]
    return f"{rewards:.1f} reward, {contact_s:.1f} s in contact"


if __name__ == "__main__":
    tyro.cli(main)

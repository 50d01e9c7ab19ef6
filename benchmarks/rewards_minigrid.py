"""The MiniGrid table of docs/rewards-minigrid.md: PPO with most bonuses and with none, five seeds; resumable.

    nice python -m benchmarks.rewards_minigrid                # everything: 3.3 hours on one core
    python -m benchmarks.rewards_minigrid --rewards none rnd --seeds 1

SB3's PPO, the same settings, steps and weight of the bonus for all; nothing was tuned for any of them. The
weight was chosen from 0.01 and 0.03 on the first seed of KeyCorridor with none, rnd, e3b and episodic-cells.
Every run is a file of --out; those that are there are skipped, so the command can be stopped and started
again at any time. All rewards get their first seed before any gets its second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import gymnasium
import numpy as np
import torch
import tyro
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from tqdm import tqdm

from robonav.evaluation.statistics import bootstrap_mean
from robonav.rewards.registry import make_reward
from robonav.rewards.vec_env import IntrinsicRewardVecEnv

NONE = "none"
KINDS, COLORS, STATES = 11, 6, 3  # what MiniGrid says of a cell
WINDOW = 0.2  # the last part of the steps, which counts as the end


@dataclass(frozen=True)
class Options:
    """Options of the training runs, and places of the results."""

    envs: tuple[str, ...] = ("MiniGrid-KeyCorridorS3R2-v0", "MiniGrid-MultiRoom-N4-S5-v0")
    """Ids of Gymnasium; at the default steps PPO alone does not learn to come to the goal in them."""
    rewards: tuple[str, ...] = (
        NONE,
        "episodic-cells",
        "rnd",
        "rdd",
        "e3b",
        "icm",
        "lpm",
        "re3",
        "coin-flip",
        "byol-explore",
        "byol-hindsight",
        "ngu",
        "disagreement",
        "pseudo-counts",
    )
    """Bonuses, and `none`."""
    seeds: int = 5
    """Runs of each."""
    steps: int = 131_072
    """Environment steps of a run."""
    num_envs: int = 16
    """Environments of a run."""
    weight: float = 0.03
    """Of the bonus, which is divided by the running std of its return."""
    out: Path = Path("runs/rewards_minigrid")
    """A file a run."""
    results: Path = Path("docs/results/rewards_minigrid.json")
    """The table."""
    picture: Path = Path("docs/images/rewards_minigrid.png")
    """Curves: success in each eighth of the steps, of all seeds."""


class OneHotView(gymnasium.ObservationWrapper[NDArray[np.float32], Any, Any]):
    """The 7 × 7 cells before the agent as one-hot kinds, colors and states, flat: (980,) float32."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._eyes = [np.eye(size, dtype=np.float32) for size in (KINDS, COLORS, STATES)]
        self.observation_space = spaces.Box(0.0, 1.0, (7 * 7 * (KINDS + COLORS + STATES),), np.float32)

    def observation(self, observation: dict[str, Any]) -> NDArray[np.float32]:
        """One-hot cells."""
        cells = observation["image"]
        return np.concatenate([eye[cells[..., i]].ravel() for i, eye in enumerate(self._eyes)])


@dataclass(frozen=True)
class Run:
    """One training."""

    env: str
    reward: str
    seed: int

    def file(self, out: Path) -> Path:
        """File of its curve."""
        return out / self.env / f"{self.reward}-{self.seed}.json"


class Curve(BaseCallback):
    """Notes for each rollout how many episodes ended, and how many of them at their goal."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[dict[str, int]] = []
        self._returns: list[float] = []

    def _on_step(self) -> bool:
        self._returns += [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
        return True

    def _on_rollout_end(self) -> None:
        if self._returns:
            goals = int(np.sum(np.asarray(self._returns) > 0))
            self.points.append({"step": self.num_timesteps, "episodes": len(self._returns), "goals": goals})
            self._returns = []


def runs_of(options: Options) -> Iterator[Run]:
    """All runs, the first seeds of all before the second ones."""
    for seed in range(options.seeds):
        for env in options.envs:
            for reward in options.rewards:
                yield Run(env, reward, seed)


def train(run: Run, options: Options) -> dict[str, Any]:
    """Train, and give the curve of the environment's own reward."""
    import minigrid  # noqa: F401  registers the environments

    torch.set_num_threads(1)
    envs: Any = DummyVecEnv([lambda: Monitor(OneHotView(gymnasium.make(run.env)))] * options.num_envs)
    envs.seed(1000 * run.seed)
    if run.reward != NONE:
        envs = IntrinsicRewardVecEnv(envs, make_reward(run.reward), options.weight, seed=run.seed)
    agent = PPO(
        "MlpPolicy",
        envs,
        learning_rate=1e-3,
        n_steps=128,
        batch_size=256,
        n_epochs=4,
        ent_coef=0.005,
        policy_kwargs={"net_arch": [64, 64]},
        seed=run.seed,
        device="cpu",
    )
    curve, started = Curve(), perf_counter()
    agent.learn(options.steps, callback=curve)
    return {**asdict(run), "steps": options.steps, "weight": options.weight} | {
        "seconds": round(perf_counter() - started, 1),
        "curve": curve.points,
    }


def save(run: Run, options: Options) -> None:
    """Train and write; what is half written is never taken for a run."""
    file = run.file(options.out)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(train(run, options)) + "\n")
    part.replace(file)


def summarise(options: Options) -> dict[str, dict[str, dict[str, Any]]]:
    """Rows by environment and reward, of the runs that are finished: means over seeds with 95 % intervals."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for env in options.envs:
        for reward in options.rewards:
            files = [Run(env, reward, seed).file(options.out) for seed in range(options.seeds)]
            done = [json.loads(file.read_text()) for file in files if file.exists()]
            if done:
                table.setdefault(env, {})[reward] = _row(done)
    return table


def _row(done: list[dict[str, Any]]) -> dict[str, Any]:
    at_end = [success(run["curve"], (1 - WINDOW) * run["steps"], run["steps"]) for run in done]
    throughout = [success(run["curve"], 0, run["steps"]) for run in done]
    return {
        "seeds": len(done),
        "steps": done[0]["steps"],
        "success_at_end": bootstrap_mean(at_end).as_dict(),
        "success_throughout": bootstrap_mean(throughout).as_dict(),
    }


def success(curve: Sequence[dict[str, int]], after: float, until: float) -> float:
    """Share of the episodes that ended within these steps at their goal; 0 where none ended."""
    within = [point for point in curve if after < point["step"] <= until]
    return sum(point["goals"] for point in within) / max(1, sum(point["episodes"] for point in within))


def as_markdown(table: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The table as docs/rewards-minigrid.md shows it, best first."""
    lines = []
    for env, rows in table.items():
        lines += [
            f"| {env} | seeds | success at the end, % | success throughout, % |",
            "|---|---|---|---|",
        ]
        for reward, row in sorted(rows.items(), key=lambda item: -item[1]["success_throughout"]["mean"]):
            cells = [_percent(row[name]) for name in ("success_at_end", "success_throughout")]
            name = "no bonus" if reward == NONE else reward
            lines.append(f"| {name} | {row['seeds']} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _percent(value: dict[str, float]) -> str:
    return f"{100 * value['mean']:.0f} [{100 * value['low']:.0f}, {100 * value['high']:.0f}]"


def draw(options: Options) -> None:
    """Success in each eighth of the steps, a panel an environment and a line a reward."""
    from matplotlib import pyplot as plt

    envs = [env for env in options.envs if any((options.out / env).glob("*.json"))]
    figure, panels = plt.subplots(1, len(envs), figsize=(5 * len(envs) + 2, 4), sharey=True, squeeze=False)
    colors = plt.get_cmap("tab20").colors  # type: ignore[attr-defined]
    for env, panel in zip(envs, panels[0], strict=True):
        for i, reward in enumerate(options.rewards):
            files = [Run(env, reward, seed).file(options.out) for seed in range(options.seeds)]
            curves = [json.loads(file.read_text())["curve"] for file in files if file.exists()]
            if curves:
                ends = np.linspace(0, options.steps, 9)
                lines = [[success(c, *part) for part in pairwise(ends)] for c in curves]
                style = (
                    {"color": "black", "linewidth": 2.5}
                    if reward == NONE
                    else {"color": colors[i % len(colors)], "linewidth": 1.2}
                )
                panel.plot(ends[1:], np.mean(lines, axis=0), label=reward, **style)
        panel.set(title=env, xlabel="environment steps")
    panels[0][0].set_ylabel("share of episodes that reach the goal")
    panels[0][-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    figure.tight_layout()
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.picture, dpi=90)
    plt.close(figure)


def main(options: Options) -> None:
    """Train what is missing, write the table and the picture."""
    missing = [run for run in runs_of(options) if not run.file(options.out).exists()]
    for run in tqdm(missing, unit="run"):
        save(run, options)
    table = summarise(options)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(table, indent=1) + "\n")
    draw(options)
    print(as_markdown(table))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))

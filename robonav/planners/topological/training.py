"""Teaches the meta-controller to choose sub-goals: paid for arrival and for floor that becomes known."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from robonav.envs.navigation.episodes import EpisodeStream
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import previous_action
from robonav.envs.navigation.tasks import SparseGoal
from robonav.envs.odometry import MAX_DRIFT
from robonav.envs.scenes import SceneSet, open_scenes
from robonav.errors import UsageError
from robonav.files import (
    CheckpointError,
    find_checkpoint,
    load_optimizer,
    optimizer_tensors,
    read_tensors,
    write_text,
)
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.explorer import DEPTH_CAMERA, Briefing
from robonav.planners.topological.meta_files import load_meta, save_meta
from robonav.planners.topological.options import Decision, PPOConfig, advantages, update
from robonav.planners.topological.robot import Robot
from robonav.planners.topological.scorer import CandidateScorer, padded
from robonav.training.process import set_threads


@dataclass(frozen=True)
class MetaConfig:
    """Everything that decides how a meta-controller is trained."""

    scenes: str = "procedural"
    """Worlds to train in: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    worlds: int = 32
    """How many of them are used; each keeps about 30 MB."""
    steps: int = 32_000
    """Environment steps in all, a resumed run's earlier ones included."""
    num_envs: int = 16
    """Robots that walk at the same time."""
    episode_steps: int = 320
    """Steps of an episode at most."""
    seed: int = 0
    """Decides weights, starts, goals and choices."""
    obstacles: int = 0
    """How many appear on the way."""
    drift: float = 0.0
    """Error of the odometry, as a share of the way."""
    coverage: float = 0.003
    """Paid for each m² of floor that becomes known; arrival is worth 1. 0 = no intrinsic reward."""
    threads: int = 1
    """CPU threads."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    hierarchy: HierarchyConfig = field(default_factory=HierarchyConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is written."""
        for name in ("worlds", "steps", "num_envs", "episode_steps", "threads"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")
        if not (0 <= self.obstacles <= 254 and 0 <= self.drift <= MAX_DRIFT):
            raise UsageError(
                f"obstacles is {self.obstacles} and drift {self.drift}: give 0 to 254 and 0 to {MAX_DRIFT}"
            )
        if self.ppo.decisions < 2:
            raise UsageError(f"decisions is {self.ppo.decisions}: give at least 2")
        if self.coverage < 0 or self.seed < 0:
            raise UsageError(f"coverage is {self.coverage} and seed {self.seed}: give 0 or more")


class FirstScenes:
    """The first so many scenes of a set."""

    def __init__(self, scenes: SceneSet, count: int) -> None:
        self.scene_ids, self.load = list(scenes.scene_ids)[:count], scenes.load


class MetaTraining:
    """A run folder with `config.json`, `metrics.jsonl` and `checkpoints/`.

    A resumed run starts new episodes, so it goes on well, but not bit for bit.

    Raises:
        UsageError: The folder already holds a run and `resume` is False.
    """

    def __init__(self, config: MetaConfig, out: Path, resume: bool = False) -> None:
        if (out / "config.json").exists() and not resume:
            raise UsageError(
                f"{out}: already holds a run; add --resume to continue it, or choose another --out"
            )
        set_threads(config.threads)
        self.config, self.out, self.steps = config, out, 0
        scenes = FirstScenes(open_scenes(config.scenes, "train"), config.worlds)
        self.simulator = NavigationSimulator(scenes, config.num_envs, DEPTH_CAMERA, config.threads)
        self.task = SparseGoal(self.simulator, config.obstacles, config.drift)
        self._stream = EpisodeStream(self.simulator, config.seed)
        self._noise = torch.Generator().manual_seed(config.seed)
        torch.manual_seed(config.seed)
        self.scorer = CandidateScorer()
        self.optimizer = torch.optim.Adam(self.scorer.parameters(), lr=config.ppo.learning_rate)
        if any((out / "checkpoints").glob("step_*")):
            self._restore(find_checkpoint(out))
        self._begin_all()
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "config.json", json.dumps(dataclasses.asdict(config), indent=1))

    def learn(self, advance: Callable[[int], None] = lambda steps: None) -> Path:
        """Train up to `config.steps` and return the last checkpoint; `advance` is told of steps done."""
        while self.steps < self.config.steps:
            before = self.steps
            decisions, gain, outcomes = self.collect()
            losses = update(self.scorer, self.optimizer, decisions, gain, self.config.ppo, self._noise)
            self._log({"steps": self.steps, "decisions": len(decisions), **losses, **outcomes})
            self.save()
            advance(self.steps - before)
        return find_checkpoint(self.out)

    def collect(self) -> tuple[list[Decision], np.ndarray, dict[str, float]]:
        """Walk until enough decisions are finished: these, their advantages, and how episodes ended."""
        finished: list[list[Decision]] = [[] for _ in self.robots]
        self._arrivals: list[tuple[bool, int]] = []
        while sum(map(len, finished)) < self.config.ppo.decisions:
            self._decide(finished)
            self._step(finished)
        decisions = [decision for own in finished for decision in own]
        gains = []
        for own, following in zip(finished, self._open, strict=True):
            value = following.value if following is not None else 0.0
            gains.append(advantages(own, value, self.config.ppo.gae_lambda))
        arrived, lengths = zip(*self._arrivals, strict=True) if self._arrivals else ((0,), (0,))
        outcomes = {"success": float(np.mean(arrived)), "episode_steps": float(np.mean(lengths))}
        return decisions, np.concatenate(gains), outcomes

    def save(self) -> None:
        """Write a checkpoint of the present state."""
        training = {
            **optimizer_tensors(self.optimizer),
            "steps": torch.tensor(self.steps),
            "episodes_started": torch.from_numpy(self._stream.started.copy()),
            "noise": self._noise.get_state(),
        }
        facts = {"environment steps": self.steps, "seed": self.config.seed}
        folder = self.out / "checkpoints" / f"step_{self.steps:012d}"
        run = dataclasses.asdict(self.config)
        save_meta(folder, self.scorer, training, self.config.hierarchy, run, facts)

    def _begin_all(self) -> None:
        count = self.config.num_envs
        self.robots = [Robot(DEPTH_CAMERA, self.config.hierarchy) for _ in range(count)]
        self._briefing = Briefing(count)
        self._open: list[Decision | None] = [None] * count
        self._ages, self._known = np.zeros(count, np.int64), np.zeros(count)
        self._previous = np.zeros(count, np.int64)
        self._begin(range(count))
        self._tell()

    def _begin(self, agents: range | list[int]) -> None:
        episodes = self._stream.next(agents)
        self.task.begin(episodes, agents)
        self.simulator.start(episodes, agents)
        for agent in agents:
            self.robots[agent] = Robot(DEPTH_CAMERA, self.config.hierarchy)
            self._open[agent], self._ages[agent], self._previous[agent] = None, 0, 0
            self._briefing.restart(agent)

    def _tell(self) -> None:
        frames = self.simulator.frames
        observation = {"previous_action": self._previous, **self.task.observe()}
        told = self._briefing.told(observation, frames.depth, frames.collided)
        for agent, (robot, news) in enumerate(zip(self.robots, told, strict=True)):
            robot.observe(news)
            known = robot.world.known_free_m2()
            decision = self._open[agent]
            if decision is not None:
                decision.pay(self.config.coverage * (known - self._known[agent]), self.config.ppo.gamma)
            self._known[agent] = known

    def _decide(self, finished: list[list[Decision]]) -> None:
        """Choose, by chance, for all robots that need a sub-goal."""
        needy = [agent for agent, robot in enumerate(self.robots) if robot.needs_sub_goal]
        asked = {agent: choices for agent in needy if len(choices := self.robots[agent].choices())}
        if not asked:
            return
        with torch.no_grad():
            logits, values = self.scorer(*padded([choices.features for choices in asked.values()]))
        rows = torch.multinomial(logits.softmax(dim=1), 1, generator=self._noise)
        log_probs = logits.log_softmax(dim=1).gather(1, rows)
        for k, (agent, choices) in enumerate(asked.items()):
            row, before = int(rows[k]), self._open[agent]
            if before is not None:
                finished[agent].append(before)
            self._open[agent] = Decision(choices.features, row, float(log_probs[k]), float(values[k]))
            self.robots[agent].pursue(choices, row)

    def _step(self, finished: list[list[Decision]]) -> None:
        """Move all robots, pay them, and begin new episodes where they are over."""
        actions = np.array([robot.act() for robot in self.robots])
        frames = self.simulator.step(actions)
        verdict = self.task.judge(frames)
        self._previous = previous_action(actions, frames)
        self._ages += 1
        self.steps += self.config.num_envs
        over = np.flatnonzero(verdict.over | (self._ages >= self.config.episode_steps)).tolist()
        for agent in over:
            self._arrivals.append((bool(verdict.over[agent]), int(self._ages[agent])))
            decision = self._open[agent]
            if decision is not None:
                decision.pay(float(verdict.reward[agent]), self.config.ppo.gamma)
                decision.is_last = True
                finished[agent].append(decision)
        if over:
            self._begin(over)
        self._tell()

    def _restore(self, folder: Path) -> None:
        self.scorer.load_state_dict(load_meta(folder)[0].state_dict())
        tensors = read_tensors(folder / "training.safetensors")
        try:
            load_optimizer(self.optimizer, tensors)
            self.steps = int(tensors["steps"])
            self._stream.started[:] = tensors["episodes_started"].numpy()
            self._noise.set_state(tensors["noise"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{folder}/training.safetensors: cannot be resumed from ({error})"
            ) from error

    def _log(self, row: dict[str, float]) -> None:
        with open(self.out / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({key: round(value, 5) for key, value in row.items()}) + "\n")

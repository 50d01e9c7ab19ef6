"""Runs agents in worlds that are no buildings, and writes each episode as it finishes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.world import Episode, Frames, Observation, camera_of
from robonav.envs.world_config import WorldConfig
from robonav.errors import UsageError
from robonav.evaluation.records import Records
from robonav.evaluation.statistics import bootstrap_mean
from robonav.watching import Curve, NullViewer, Viewer

PICTURES = "pictures"
Act = Callable[[Observation, Frames], NDArray[Any]]


Agent = Callable[[Any, int], Act]
"""Makes what chooses actions in a world that has just started its episodes, from that world and a seed."""


@dataclass(frozen=True)
class WorldSettings:
    """Settings on which the results of an evaluation in any kind of world depend.

    Attributes:
        agent: Checkpoint folder or planner.
        world: Kind of world.
        options: Its options.
        episodes: How many.
        seed: Decides episodes and random actions.
        num_envs: Episodes that run side by side.
    """

    agent: str
    world: str
    options: WorldConfig
    episodes: int = 100
    seed: int = 0
    num_envs: int = 20

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        for name in ("episodes", "num_envs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")

    def facts(self) -> dict[str, Any]:
        """The settings as JSON."""
        return asdict(self)


def run_episodes(
    settings: WorldSettings,
    agent: Agent,
    folder: Records,
    advance: Callable[[int], None],
    viewer: Viewer | None = None,
) -> None:
    """Run all episodes in unseen worlds that `folder` does not hold yet; `advance` is told of episodes done.

    A batch that was cut short runs again as a whole, so that its random numbers are the same. `viewer`
    watches the first episode of each batch.

    Raises:
        UsageError: The viewer cannot show such a world.
    """
    watched = viewer or NullViewer()
    finished = {record["episode_id"] for record in folder.records()}
    size = settings.num_envs
    planned = settings.options.episodes(settings.options.make(1, "val"), settings.episodes, settings.seed)
    for number, first in enumerate(range(0, len(planned), size)):
        batch = planned[first : first + size]
        missing = [episode for episode in batch if episode.episode_id not in finished]
        advance(len(batch) - len(missing))
        if missing:
            seed = np.random.SeedSequence([settings.seed, number]).generate_state(1)[0]
            pictures = folder.path if number == 0 else None
            for record in _run_batch(settings.options, batch, agent, int(seed), watched, pictures):
                if record["episode_id"] not in finished:
                    folder.append(record)
                    advance(1)


def _run_batch(
    options: WorldConfig, batch: Sequence[Episode], agent: Agent, seed: int, viewer: Viewer, out: Path | None
) -> list[dict[str, Any]]:
    """Records of a batch; pictures are drawn where there is a folder for them."""
    world = options.make(len(batch), "val")
    observation = world.start(batch)
    viewer.begin(batch[0].episode_id, camera_of(world), world.frames)
    meter, act = options.meter(world), agent(world, seed)
    going, rewards = np.ones(len(batch), bool), np.zeros(len(batch))
    steps = 0
    while going.any() and steps < options.max_steps:
        actions = act(observation, world.frames)
        step = world.step(actions)
        meter.observe(actions, going)
        viewer.show(world.outcome, Curve)
        rewards += np.where(going, step.reward, 0)
        observation, steps = step.observation, steps + 1
        going &= ~(step.terminated | step.truncated)
    if out is not None:
        (out / PICTURES).mkdir(exist_ok=True)
        for row, episode in enumerate(batch[:6]):
            meter.draw(row, out / PICTURES / f"{_file_name(episode.episode_id)}.png")
    return [
        {
            "episode_id": episode.episode_id,
            "scene_id": episode.scene_id,
            "start": list(episode.start),
            "goal": list(episode.goal) if episode.goal else None,
            "reward": round(float(rewards[row]), 4),
            **meter.record(row),
        }
        for row, episode in enumerate(batch)
    ]


def summary_of(records: Sequence[dict[str, Any]], settings: WorldSettings, command: str) -> dict[str, Any]:
    """Means of all scores with their intervals, and what they were measured with."""
    scores = [name for name, value in records[0].items() if isinstance(value, (int, float))]
    return {
        "command": command,
        "settings": settings.facts(),
        "metrics": {
            name: bootstrap_mean([float(record[name]) for record in records]).as_dict() for name in scores
        },
    }


def _file_name(episode_id: str) -> str:
    """A file name for an episode, which may have a slash in its name."""
    return hashlib.sha256(episode_id.encode()).hexdigest()[:12]

"""Who explores: the protocol that policies and baselines share, and how a name becomes one of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.errors import UsageError

if TYPE_CHECKING:
    from robonav.envs.navigation import Frames
    from robonav.envs.sensors.camera import Camera
    from robonav.envs.tasks import TaskName

FORWARD, LEFT, RIGHT = 0, 1, 2
TO_GOALS = ("goal-bumper", "goal-planner", "goal-frontier")
TO_PICTURES = ("picture-planner",)
BASELINES = (
    *("random", "straight", "frontier", "nearest-frontier", "rgb-planner", "depth-planner", "topological"),
    *TO_GOALS,
    *TO_PICTURES,
)
SHIPPED = Path(__file__).parent.parent / "policies" / "explorers"


class Explorer(Protocol):
    """Chooses actions for a batch of agents that start together and step together.

    Attributes:
        camera: What it wants to see through.
    """

    camera: Camera

    def reset(self, num_agents: int, seed: int) -> None:
        """Forget everything; `num_agents` new episodes begin."""

    def act(
        self, observation: dict[str, NDArray[np.generic]], frames: Frames, camera: Camera
    ) -> NDArray[np.int64]:
        """Actions (N,) of 0 forward, 1 left, 2 right.

        Args:
            observation: `rgb` (N, H, W, 3) uint8 and `previous_action` (N,) int (0 none, else action + 1),
                and `goal` (N, H, W, 3) uint8 or `point_goal` (N, 2) and `odometry` (N, 4) where the
                task tells them: all that a policy may look at.
            frames: Depth, pose and collisions: for planners that are allowed the truth.
            camera: The camera that took the frames.
        """
        ...


def make_explorer(name_or_path: str, task: TaskName | None = None) -> Explorer:
    """The baseline or shipped explorer of that name, or the policy stored in that checkpoint folder.

    Args:
        name_or_path: As typed at the command line.
        task: What it is for.

    Raises:
        UsageError: If it is none of these, or wants a goal that the task does not tell.
    """
    from robonav.evaluation import baselines, frontier, rgb_planner
    from robonav.hierarchy import baselines as hierarchy

    makers: dict[str, Callable[[], Explorer]] = {
        "random": baselines.RandomExplorer,
        "straight": baselines.StraightExplorer,
        "frontier": frontier.informed_frontier,
        "nearest-frontier": frontier.nearest_frontier,
        "rgb-planner": rgb_planner.RgbPlanner,
        "depth-planner": rgb_planner.DepthPlanner,
        "picture-planner": rgb_planner.PicturePlanner,
        "topological": hierarchy.topological,
        "goal-bumper": hierarchy.GoalBumper,
        "goal-planner": hierarchy.GoalPlanner,
        "goal-frontier": hierarchy.goal_frontier,
    }
    if name_or_path in TO_GOALS and task != "sparse-goal":
        raise UsageError(f"{name_or_path} goes straight to goals that it is told: add --task sparse-goal")
    if name_or_path in TO_PICTURES and task != "image-goal":
        raise UsageError(f"{name_or_path} looks for goal images: add --task image-goal")
    if name_or_path in makers:
        return makers[name_or_path]()
    if checkpoint_folder(name_or_path).is_dir():
        from robonav.evaluation.policy_explorer import load_explorer

        explorer = load_explorer(checkpoint_folder(name_or_path))
        if explorer.goal == "goal" and task != "image-goal":
            raise UsageError(f"{name_or_path} was trained to go to goal images: add --task image-goal")
        if explorer.goal == "point_goal" and task != "sparse-goal":
            raise UsageError(
                f"{name_or_path} was trained to go to far places, which "
                "`robonav evaluate --task sparse-goal` tells it"
            )
        return explorer
    raise UsageError(
        f"{name_or_path} is neither a checkpoint folder nor an explorer by name "
        f"({', '.join((*shipped_explorers(), *BASELINES))}): "
        "give the folder that `robonav train` wrote, or one of these names"
    )


def shipped_explorers() -> list[str]:
    """Names of the trained explorers that come with robonav."""
    return sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())


def checkpoint_folder(name_or_path: str) -> Path:
    """Where a checkpoint is: a shipped one by its name, or the path itself."""
    return SHIPPED / name_or_path if name_or_path in shipped_explorers() else Path(name_or_path)


def fingerprint(name_or_path: str) -> str | None:
    """16 hex digits over a checkpoint's weights, lest a run be resumed with others; None for baselines."""
    files = (
        sorted(checkpoint_folder(name_or_path).rglob("*.safetensors"))
        if name_or_path not in BASELINES
        else []
    )
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16] if files else None

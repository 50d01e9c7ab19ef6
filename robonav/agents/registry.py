"""The registry of agents: policies and baselines by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from robonav.agent import Explorer
from robonav.agents.shipped import checkpoint_folder, shipped_explorers
from robonav.envs.navigation.tasks import task_class
from robonav.errors import UsageError

TO_GOALS = ("goal-bumper", "goal-planner", "goal-frontier")
TO_PICTURES = ("picture-planner",)
BASELINES = (
    *("random", "straight", "frontier", "nearest-frontier", "rgb-planner", "depth-planner", "topological"),
    *TO_GOALS,
    *TO_PICTURES,
)


def make_explorer(name_or_path: str, task: str | None = None) -> Explorer:
    """The baseline or shipped explorer of that name, or the policy stored in that checkpoint folder.

    Args:
        name_or_path: As typed at the command line.
        task: Name of the task; None = exploring.

    Raises:
        UsageError: If it is none of these, or wants a goal that the task does not tell.
    """
    from robonav.planners import blind as baselines
    from robonav.planners import frontier
    from robonav.planners import scan_planners as rgb_planner
    from robonav.planners.topological import baselines as hierarchy

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
    told = task_class(task).tells
    if name_or_path in TO_GOALS and told != "point_goal":
        raise UsageError(f"{name_or_path} goes straight to goals that it is told: add --task sparse-goal")
    if name_or_path in TO_PICTURES and told != "goal":
        raise UsageError(f"{name_or_path} looks for goal images: add --task image-goal")
    if name_or_path in makers:
        return makers[name_or_path]()
    if checkpoint_folder(name_or_path).is_dir():
        from robonav.agents.policy import load_explorer
        from robonav.agents.sb3_policy import is_sb3, load_sb3

        folder = checkpoint_folder(name_or_path)
        explorer = load_sb3(folder) if is_sb3(folder) else load_explorer(folder)
        if explorer.goal == "goal" != told:
            raise UsageError(f"{name_or_path} was trained to go to goal images: add --task image-goal")
        if explorer.goal == "point_goal" != told:
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


def fingerprint(name_or_path: str) -> str | None:
    """16 hex digits over a checkpoint's weights: no run is resumed with others; None for baselines."""
    files = (
        sorted(checkpoint_folder(name_or_path).rglob("*.safetensors"))
        if name_or_path not in BASELINES
        else []
    )
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16] if files else None

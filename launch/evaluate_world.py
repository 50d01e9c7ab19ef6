"""`robonav evaluate` in worlds that are no buildings, such as the warehouse."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tyro

from robonav.errors import UsageError
from robonav.launch.viewing import open_viewer

if TYPE_CHECKING:
    from robonav.envs.world_config import WorldConfig
    from robonav.evaluation.records import Records
    from robonav.evaluation.world_runner import Agent, WorldSettings
    from robonav.watching import Viewer

Command = TypeVar("Command")


def world_asked_for(agent: str | None, named: str | None) -> WorldConfig | None:
    """The kind of world that --world names, or that an agent was trained in; None = buildings."""
    from robonav.envs.worlds import world_class

    trained = _trained_in(agent) if agent else None
    if named and (trained is None or trained.name != named):
        return world_class(named)()
    return trained


def _trained_in(agent: str) -> WorldConfig | None:
    """The world in the configuration of a checkpoint or run folder."""
    from robonav.agents.shipped import checkpoint_folder
    from robonav.envs.worlds import make_world
    from robonav.files import find_checkpoint, read_config

    folder = checkpoint_folder(agent)
    if not folder.is_dir():
        return None
    run = read_config(find_checkpoint(folder)).get("run", {})
    return make_world(run["world"], **(run.get("world_options") or {})) if run.get("world") else None


def with_world_options(command: type[Command], world: WorldConfig) -> type[Command]:
    """The command with a field for the options of a world, typed --world.NAME."""
    options = (
        "world_options",
        Annotated[type(world), tyro.conf.arg(name="world")],
        field(default_factory=lambda: world),
    )
    return make_dataclass(command.__name__, [options], bases=(command,), frozen=True)


def evaluate_in_world(settings: WorldSettings, out: Path, resume: bool, view: bool) -> None:
    """Evaluate, print the table and where the results are."""
    from robonav.disk import only_writer
    from robonav.evaluation.records import Records, check_free

    agent, viewer = _agent(settings), open_viewer(view)
    check_free(out, resume)  # before a lock is put there
    with only_writer(out):
        folder = Records(out, settings.facts(), resume)
        _with_progress(settings, agent, folder, viewer)
        _tell(folder, settings)


def _agent(settings: WorldSettings) -> Agent:
    from robonav.agents.in_world import planner_in_world, policy_in_world
    from robonav.agents.shipped import checkpoint_folder

    if settings.agent in settings.options.planners:
        return planner_in_world(settings.agent)
    if checkpoint_folder(settings.agent).is_dir():
        return policy_in_world(checkpoint_folder(settings.agent))
    raise UsageError(
        f"{settings.agent} is neither a checkpoint folder nor a planner of world {settings.world} "
        f"({', '.join(settings.options.planners)}): give the folder that `robonav train` wrote, or a planner"
    )


def _with_progress(settings: WorldSettings, agent: Agent, folder: Records, viewer: Viewer) -> None:
    from rich import progress

    from robonav.evaluation.world_runner import run_episodes

    with progress.Progress() as bar:
        task = bar.add_task(f"{settings.agent}, episodes", total=settings.episodes)
        run_episodes(settings, agent, folder, lambda done: bar.update(task, advance=done), viewer)


def _tell(folder: Records, settings: WorldSettings) -> None:
    from robonav.evaluation.world_runner import PICTURES, summary_of

    records = folder.records()
    summary = summary_of(records, settings, command_of(settings))
    folder.write_text("summary.json", json.dumps(summary, indent=2) + "\n")
    for name, label in settings.options.headline.items():
        value = summary["metrics"][name]
        print(
            f"{label}: {value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}], {len(records)} episodes"
        )
    print(f"results: {folder.path / 'summary.json'}, pictures: {folder.path / PICTURES}")


def command_of(settings: WorldSettings) -> str:
    """The command line that gives these results."""
    words = ["robonav evaluate", shlex.quote(settings.agent), f"--world {settings.world}"]
    words += [f"--episodes {settings.episodes} --seed {settings.seed} --num-envs {settings.num_envs}"]
    default = asdict(type(settings.options)())
    changed: Sequence[tuple[str, Any]] = [
        (name, value) for name, value in asdict(settings.options).items() if value != default[name]
    ]
    words += [f"--world.{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in changed]
    return " ".join(words)

"""`robonav evaluate`: how well an agent explores scenes it never saw, or does a task in them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from robonav.errors import UsageError
from robonav.launch.evaluate_world import evaluate_in_world, with_world_options, world_asked_for
from robonav.launch.mesh_options import MeshOptions
from robonav.launch.parsing import parsed
from robonav.launch.scenes_episodes import print_left_out
from robonav.launch.task_options import spelled_out, value_of, with_task_options, words_of
from robonav.launch.viewing import open_viewer

if TYPE_CHECKING:
    from robonav.envs.navigation.tasks import TaskConfig
    from robonav.envs.scenes import SceneSet
    from robonav.evaluation.records import RunFolder
    from robonav.evaluation.runner import Evaluation, Plan, Settings


@dataclass(frozen=True)
class EvaluateCommand(MeshOptions):
    """Measure how well a policy or a baseline explores scenes it never saw, or does a task in them.

    Writes episodes.jsonl (a line an episode, as it finishes), summary.json and report.html. A run that was
    stopped at any moment goes on with --resume. The same command gives the same episodes.jsonl, byte by byte.

    Examples:
        robonav evaluate explorer --scenes my_house.glb --episodes 4 --steps 512
        robonav evaluate frontier --episodes 20 --steps 512
        robonav evaluate runs/guided-0 --scenes my_house.glb --out runs/my_house
        robonav evaluate frontier --scenes gibson --episodes benchmark.jsonl
        robonav evaluate runs/guided-apples-0 --task apples --apples 3 --steps 512
        robonav evaluate picture-planner --task image-goal --steps 512
        robonav evaluate se2-astar --world warehouse --world.layout site --world.vehicle forklift
        robonav evaluate topological --task sparse-goal --obstacles 3 --drift 0.01 --steps 512
    """

    explorer: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="EXPLORER")]
    """`explorer`, which ships with robonav, a checkpoint or run folder, or a baseline: random, straight,
    rgb-planner; with true depth depth-planner; with true depth and pose frontier, nearest-frontier; with
    depth and odometry topological, goal-planner, goal-frontier, goal-bumper; with a goal image
    picture-planner; in a warehouse, told the map, pure-pursuit, se2-astar, wait-and-go, se2-astar-dwa."""
    scenes: str = "procedural"
    """Worlds to explore: `procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder of them."""
    episodes: Annotated[int | Path, tyro.conf.arg(metavar="N|FILE")] = 100
    """Number of episodes, spread over the scenes; or a list of `robonav scenes episodes` or of Habitat's."""
    steps: int = 1024
    """Steps in an episode."""
    world: str | None = None
    """Kind of world: default buildings, or that which the agent was trained in; warehouse, or one of an
    installed package. `robonav evaluate AGENT --world NAME --help` shows options, such as --world.layout."""
    task: str | None = None
    """Task: apples (pick them), image-goal (go to where a picture was taken), sparse-goal (get to a place
    8 to 25 m away, told by distance and bearing), or one of an installed package; default exploring alone.
    `robonav evaluate --task NAME --help` shows its options, such as --task.count."""
    floor: int | None = None
    """Floor to start on, 0 = lowest; default the lowest that is not much smaller than the others."""
    sensor: Literal["raycast", "habitat"] | None = None
    """Renderer of the explorer's views: raycast, habitat (needs habitat-sim); default the faster of ours.
    Metrics always use ours."""
    seed: int = 0
    """Decides starts and actions."""
    out: Path | None = None
    """Folder for the results; default runs/evaluate-EXPLORER-TIME."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Go on with the run in --out."""
    num_envs: int = 10
    """Episodes that run side by side; more of them make a policy faster."""
    threads: int = 0
    """Threads for ray casting; 0 = all cores. Results do not depend on it."""
    view: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the first episode of those that run side by side in the browser, as its map grows."""

    task_options: tyro.conf.Suppress[Any] = None
    world_options: tyro.conf.Suppress[Any] = None

    @classmethod
    def parse(cls, args: Sequence[str], **options: Any) -> EvaluateCommand:
        """The command that the arguments ask for; its options include those of the task that they name."""
        task = value_of(args, "--task")
        command = with_task_options(cls, task)
        agent = next((arg for arg in args if not arg.startswith("-")), None)
        world = world_asked_for(agent, value_of(args, "--world"))
        if world:
            command = with_world_options(command, world)
        return parsed(command, spelled_out(args, task), **options)

    def run(self) -> None:
        """Evaluate, print the table and where the report is."""
        if self.world_options is not None:
            self._run_in_world()
            return
        from robonav.agents.registry import fingerprint, make_explorer
        from robonav.disk import only_writer
        from robonav.envs.navigation.tasks import resolved
        from robonav.envs.scenes import open_scenes
        from robonav.envs.scenes.floors import OnFloor
        from robonav.evaluation.records import RunFolder, check_free
        from robonav.evaluation.runner import Evaluation, Settings
        from robonav.provenance import git_revision

        revision = git_revision()  # before the run: the checkout may move on meanwhile
        if self.resume and self.out is None:
            raise UsageError("--resume needs --out: say which folder to go on with")
        explorer = make_explorer(self.explorer, self.task)
        spec = self.spec(self.scenes)
        scenes = open_scenes(spec, split="val")
        scenes = scenes if self.floor is None else OnFloor(scenes, self.floor)
        task = resolved(self.task, self.task_options)
        given = _given(self.episodes, scenes, task)
        names = ("explorer", "steps", "seed", "num_envs", "floor", "sensor", "task")
        told = {"task_options": task, **{name: getattr(self, name) for name in names}}
        settings = Settings(scenes=spec, episodes=given.count, **told)
        viewer = open_viewer(self.view)
        evaluation = Evaluation(settings, explorer, scenes, self.threads, given.planned, viewer)
        evaluation.load_first_scene()
        facts = {**asdict(settings), "explorer_hash": fingerprint(self.explorer), **given.facts}
        out = self.out or self._default_out()
        check_free(out, self.resume)  # before a lock is put there
        with only_writer(out):
            folder = RunFolder(out, facts, self.resume)
            _run_with_progress(evaluation, folder, settings)
            _report(folder, facts, self._command(), revision, list(evaluation.unusable_scenes))

    def _run_in_world(self) -> None:
        from robonav.evaluation.world_runner import WorldSettings

        if not isinstance(self.episodes, int) or self.task:
            raise UsageError("this world draws its own episodes and has a task of its own: give --episodes N")
        world = self.world_options
        settings = WorldSettings(self.explorer, world.name, world, self.episodes, self.seed, self.num_envs)
        evaluate_in_world(settings, self.out or self._default_out(), self.resume, self.view)

    def _default_out(self) -> Path:
        name = "-".join(part for part in Path(self.explorer).parts if part not in ("/", "runs"))
        return Path("runs") / f"evaluate-{name}-{time.strftime('%Y%m%d-%H%M%S')}"

    def _command(self) -> str:
        from robonav.envs.navigation.tasks import resolved

        options = ["scenes", "episodes", "steps", "seed", "num_envs"]
        optional = ("task", "floor", "sensor", "up", "scale")
        options += [name for name in optional if getattr(self, name) is not None]
        words = [f"--{name.replace('_', '-')} {shlex.quote(str(getattr(self, name)))}" for name in options]
        words += words_of(resolved(self.task, self.task_options))
        return " ".join(["robonav evaluate", shlex.quote(self.explorer), *words])


@dataclass(frozen=True)
class _Given:
    """The episodes asked for: how many, which if they are listed, and what a resumed run must share."""

    count: int
    planned: Sequence[Plan] | None
    facts: dict[str, Any]


def _given(episodes: int | Path, scenes: SceneSet, task: TaskConfig) -> _Given:
    if isinstance(episodes, int):
        return _Given(episodes, None, {"episode_list": None, "left_out": None})
    from robonav.envs.episode_files import open_episodes, with_goals
    from robonav.launch.loading import loading_shown

    with loading_shown(scenes) as shown:
        listed, left_out = open_episodes(episodes, shown)
        if task.needs_goals:
            listed, without = with_goals(listed, shown, str(episodes))
            left_out = {**left_out, **without}
    print_left_out(listed, left_out)
    return _Given(
        len(listed.episodes), listed.episodes, {"episode_list": listed.digest, "left_out": left_out}
    )


def _run_with_progress(evaluation: Evaluation, folder: RunFolder, settings: Settings) -> None:
    from rich import progress

    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[rate]} steps/s"),
        progress.TimeRemainingColumn(),
    )
    total = len(evaluation.planned) * settings.steps
    with bar:
        task = bar.add_task(settings.explorer, total=total, rate="-")

        def advance(steps: int) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, advance=steps, rate=f"{speed:.0f}" if speed else "-")

        evaluation.run(folder, advance)


def _report(
    folder: RunFolder,
    settings: dict[str, Any],
    command: str,
    revision: str | None,
    unusable_scenes: Sequence[str],
) -> None:
    import json

    from robonav.evaluation.report import render_report
    from robonav.evaluation.summary import scores_in, summarise

    records = folder.records()
    summary = summarise(records, settings, command, revision, unusable_scenes)
    folder.write_text("summary.json", json.dumps(summary, indent=2) + "\n")
    folder.write_text("report.html", render_report(summary, records, folder.load_map))
    for score in scores_in(records[0], settings["task"]):
        if score.headline and score.by_step:
            for step, value in summary["metrics"][score.name].items():
                interval = f"[{value['low']:.2f}, {value['high']:.2f}]"
                print(f"{score.title} @{step}: {value['mean']:.2f} {interval}, {len(records)} episodes")
    if unusable_scenes:
        print(f"left out, because they cannot be used: {', '.join(unusable_scenes)}")
    print(f"report: {folder.path / 'report.html'}")

"""`robonav drive`: a trained agent drives a simulated robot through a scene that it never saw."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from robonav.errors import UsageError
from robonav.launch.mesh_options import MeshOptions

if TYPE_CHECKING:
    from robonav.agent import Explorer
    from robonav.driving.driver import DriveObserver, Outcome, Teleoperator
    from robonav.driving.goal_image import Goal
    from robonav.driving.recording import TruePose
    from robonav.driving.ros_drive import RosDrive
    from robonav.driving.simulation import SimulatedDrive
    from robonav.driving.teleoperation import Teleoperation
    from robonav.evaluation.records import RunFolder
    from robonav.evaluation.top_down_map import TopDownMap

STOPPED, INTERRUPTED = 1, 130


@dataclass(frozen=True)
class DriveCommand(MeshOptions):
    """Let a policy or a baseline drive a robot with wheels, weight, noise and a bumper through a scene.

    The policy gets what it gets in evaluation: images and its own last step. A step is finished by the
    robot's own odometry before the next one; a step that touches something is taken back. Ends with the
    metrics of `robonav evaluate`, and how the ride was. The same command gives the same drive.

    Examples:
        robonav drive explorer --steps 128
        robonav drive explorer --scene my_house.glb --record run.mcap
        robonav drive explorer --view
        robonav drive runs/guided-0 --robot husky --no-noise
    """

    explorer: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="EXPLORER")]
    """`explorer`, which ships with robonav, a checkpoint or run folder, or a baseline: random, straight,
    rgb-planner, frontier, nearest-frontier."""
    scene: str = "procedural"
    """World to drive in: `procedural`, a mesh, a floor plan (map.yaml) or a room scan; of several the seed
    takes one."""
    physics: Literal["auto", "mujoco", "pybullet"] = "auto"
    """Physics engine of a simulated robot; auto = MuJoCo where it is installed, else PyBullet."""
    robot: str = "turtlebot"
    """turtlebot: round and small with a mast; husky: four big wheels that skid; one of an installed package;
    ros2: a real one whose ROS 2 driver is running, which knows no scene, noise and completeness."""
    steps: int = 256
    """Steps that the policy takes."""
    seed: int = 0
    """Decides scene, start, actions and noise."""
    noise: bool = True
    """Wheels that slip, odometry that drifts, exposure that wanders, depth that is measured."""
    camera: int | None = None
    """Width and height of the robot's camera, pixels; default those that the explorer wants."""
    floor: int | None = None
    """Floor to start on, 0 = lowest; default the lowest that is not much smaller than the others."""
    out: Path | None = None
    """Folder for the results; default runs/drive-EXPLORER-TIME."""
    record: Path | None = None
    """Also write what the robot saw and did as an MCAP file with ROS 2 messages."""
    goal_image: Path | None = None
    """Picture of where to go, as wide as their camera, for policies trained with guided-image-goal."""
    view: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the drive in the browser as its map grows; people can stop, steer, and hand back there."""
    pace: Literal["real-time", "fastest"] | None = None
    """Of the simulated clock; default real-time with --view, else fastest. People drive in real time."""
    threads: int = 0
    """Threads for ray casting; 0 = all cores. Results do not depend on it."""

    def run(self) -> int:
        """Drive, write what came of it, and print the table; exit code 1 after a safety stop."""
        self._check()
        outcome = self._drive_ros() if self.robot == "ros2" else self._drive_simulated()
        return _exit_code(outcome)

    def _drive_simulated(self) -> Outcome:
        from robonav.evaluation.records import RunFolder
        from robonav.provenance import git_revision

        revision = git_revision()  # before the drive: the checkout may move on meanwhile
        drive = self._set_up()
        folder = RunFolder(self.out or self._default_out(), self._settings(), resume=False)
        with self._observers(drive, lambda: drive.robot.true_pose) as company:
            outcome, record, picture = drive.run(self.steps, *company)
        self._write(folder, record, picture, revision)
        _print_table(
            f"{record['scene_id']}, {record['steps']} steps", _explored(record) | _ridden(record["drive"])
        )
        print(f"report: {folder.path / 'report.html'}")
        return outcome

    def _drive_ros(self) -> Outcome:
        from robonav.driving.ros_drive import RosDrive
        from robonav.evaluation.records import RunFolder

        drive = RosDrive(*self._explorer_and_goal())
        folder = RunFolder(self.out or self._default_out(), self._settings(), resume=False)
        with self._observers(drive, None) as company:
            outcome, ride = drive.run(self.steps, self.seed, *company)
        folder.write_text("drive.json", json.dumps(ride, indent=2) + "\n")
        _print_table(f"ROS 2, {ride['steps']} steps", _ridden(ride))
        return outcome

    def _check(self) -> None:
        for name, least in (("steps", 1), ("seed", 0), ("floor", 0), ("camera", 16)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}: give at least {least}")
        if self.record is not None and self.record.exists():
            raise UsageError(f"{self.record} exists: give --record the name of a new file")
        if self.record is not None and not self.record.parent.is_dir():
            raise UsageError(f"{self.record.parent} is no folder: make it, or give --record another place")

    def _set_up(self) -> SimulatedDrive:
        from robonav.driving.simulation import SimulatedDrive
        from robonav.envs.physics import engine_of
        from robonav.envs.robots.spec import NO_NOISE, Noise, robot_spec
        from robonav.envs.scenes import open_scenes
        from robonav.envs.scenes.floors import OnFloor

        explorer, goal = self._explorer_and_goal()
        scenes = open_scenes(self.spec(self.scene), split="val")
        scenes = scenes if self.floor is None else OnFloor(scenes, self.floor)
        noise = Noise() if self.noise else NO_NOISE
        return SimulatedDrive(
            explorer,
            scenes,
            robot_spec(self.robot),
            noise,
            self.seed,
            self.camera,
            self.threads,
            goal,
            engine_of(self.physics),
        )

    def _explorer_and_goal(self) -> tuple[Explorer, Goal]:
        from robonav.agents.registry import make_explorer
        from robonav.driving.goal_image import read_goal

        explorer = make_explorer(self.explorer, "image-goal")
        return explorer, read_goal(self.explorer, explorer, self.goal_image)

    def _settings(self) -> dict[str, Any]:
        from robonav.agents.registry import fingerprint
        from robonav.envs.physics import engine_of

        names = ("explorer", "robot", "steps", "seed", "noise", "camera", "floor")
        told = {name: getattr(self, name) for name in names}
        told["physics"] = None if self.robot == "ros2" else engine_of(self.physics)
        told["goal_image"] = None if self.goal_image is None else str(self.goal_image)
        return {**told, "scenes": self.spec(self.scene), "explorer_hash": fingerprint(self.explorer)}

    @contextmanager
    def _observers(
        self, drive: SimulatedDrive | RosDrive, true_pose: TruePose | None
    ) -> Iterator[tuple[Sequence[DriveObserver], Teleoperator]]:
        """Observers (progress bar, recorder, viewer, pace) and the teleoperator of the drive."""
        from robonav.driving.recording import Recorder
        from robonav.driving.teleoperation import Pace, Teleoperation
        from robonav.launch.drive_progress import progress_shown

        teleoperation = Teleoperation()
        with ExitStack() as stack:
            observers: list[DriveObserver] = []
            if self.record is not None:
                recorder = Recorder(self.record, drive.robot.camera, drive.map, true_pose)
                stack.callback(recorder.close)
                observers.append(recorder)
            if self.view:
                observers.append(self._viewer(drive, teleoperation, stack))
            if self.robot != "ros2":
                pace = self.pace or ("real-time" if self.view else "fastest")
                observers.append(Pace(teleoperation, always=pace == "real-time"))
            observers.append(stack.enter_context(progress_shown(self.explorer, self.steps)))
            yield observers, teleoperation

    def _viewer(
        self, drive: SimulatedDrive | RosDrive, teleoperation: Teleoperation, stack: ExitStack
    ) -> DriveObserver:
        from robonav.launch.viewing import open_server
        from robonav.viewer.drive_view import DriveViewer

        server = open_server()
        stack.callback(server.stop)
        title = f"{self.explorer} drives {self.robot}"
        return DriveViewer(server, title, drive.robot.camera, teleoperation, lambda: drive.curve())

    def _write(
        self, folder: RunFolder, record: dict[str, Any], picture: TopDownMap, revision: str | None
    ) -> None:
        from robonav.evaluation.report import render_report
        from robonav.evaluation.summary import summarise

        folder.append_with_map(record, picture)
        summary = summarise([record], self._settings(), self._command(), revision)
        summary["drive"] = record["drive"]
        folder.write_text("summary.json", json.dumps(summary, indent=2) + "\n")
        folder.write_text("report.html", render_report(summary, [record], folder.load_map))

    def _default_out(self) -> Path:
        name = "-".join(part for part in Path(self.explorer).parts if part not in ("/", "runs"))
        return Path("runs") / f"drive-{name}-{time.strftime('%Y%m%d-%H%M%S')}"

    def _command(self) -> str:
        options = ["scene", "robot", "physics", "steps", "seed"]
        options += [name for name in ("camera", "floor", "up", "scale") if getattr(self, name) is not None]
        words = [f"--{name} {shlex.quote(str(getattr(self, name)))}" for name in options]
        words += [] if self.goal_image is None else ["--goal-image", shlex.quote(str(self.goal_image))]
        quiet = [] if self.noise else ["--no-noise"]
        return " ".join(["robonav drive", shlex.quote(self.explorer), *words, *quiet])


def _explored(record: dict[str, Any]) -> dict[str, str]:
    last = str(record["steps"])
    return {
        "visible completeness": f"{record['visible_completeness_pct'][last]:.1f} %",
        "completeness": f"{record['completeness_pct'][last]:.1f} %",
        "way": f"{record['path_length_m']:.1f} m",
        "real-time factor": f"{record['drive']['real_time_factor']:.1f}",
    }


def _ridden(ride: dict[str, Any]) -> dict[str, str]:
    return {
        "driven": f"{ride['driven_s']:.1f} s",
        "blocked steps": str(ride["blocked"]),
        "steps of a person": str(len(ride["decided_by_person"])),
        "bumps": f"{ride['bumps']}, {ride['contact_s']:.1f} s in contact",
        "jerk (RMS)": f"{ride['jerk_rms_m_s3']:.2f} m/s³",
    }


def _print_table(title: str, rows: dict[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("measured", "value", title=title)
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)


def _exit_code(outcome: Outcome) -> int:
    if outcome.cause is None:
        return 0
    from robonav.driving.driver import INTERRUPTED as BY_CTRL_C

    print(f"robonav: the robot stopped after {outcome.decisions} steps: {outcome.cause}", file=sys.stderr)
    return INTERRUPTED if outcome.cause == BY_CTRL_C else STOPPED

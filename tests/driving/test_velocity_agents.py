"""An agent that gives velocities drives along the arcs of training, and is told of them as in training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from mcap.reader import make_reader
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from robonav.agents.policy import PolicyExplorer
from robonav.driving.arc import Arc
from robonav.driving.driver import Driver
from robonav.driving.pilots import ExplorerPilot
from robonav.driving.teleoperation import Teleoperation
from robonav.envs.actions import Velocities, along_arc
from robonav.envs.navigation.steps import LEFT
from robonav.envs.navigation.world import observation_space
from robonav.envs.robots.robot import Twist
from robonav.envs.robots.ros2 import RosRobot
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.robots.spec import HUSKY, TURTLEBOT, Noise, RobotSpec
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.files import find_checkpoint
from robonav.launch import cli
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.sequence import SequencePolicy
from tests.driving.fake_ros import FakeRos
from tests.driving.robots import CAMERA, Kept, Told, robot_in_a_room
from tests.driving.test_teleoperation import Script

VELOCITIES = Velocities()
BENT = [[1.0, 1.0], [0.6, -1.0], [0.0, 0.7], [1.0, 0.0], [0.2, 1.0], [0.0, 0.0], [1.0, -0.8]]

simulated = pytest.mark.usefixtures("engine")


class Agent:
    """Gives velocities that it was told, and keeps what it reads and sees."""

    actions, camera = "velocities", CAMERA

    def __init__(self, *shares: list[float]) -> None:
        self._shares, self.read, self.collided = shares, [], []  # type: ignore[var-annotated]

    def reset(self, num_agents: int, seed: int) -> None: ...

    def act(self, observation: dict[str, NDArray[Any]], frames: Frames, camera: Camera) -> NDArray[Any]:
        self.read.append(observation["previous_action"])
        self.collided += frames.collided.tolist()
        return np.array([self._shares[(len(self.read) - 1) % len(self._shares)]], np.float32)


def random_policy(seed: int) -> PolicyExplorer:
    """What `robonav train recuriosity --actions velocities` begins with, but small."""
    torch.manual_seed(seed)
    seen = observation_space(CAMERA, VELOCITIES)
    rgb = spaces.Box(0, 255, (3, CAMERA.height, CAMERA.width), np.uint8)
    sizes = SequencePolicyConfig(width=16, blocks=1, heads=2, own_map=None, planner=None)
    policy = SequencePolicy(spaces.Dict({**seen.spaces, "rgb": rgb}), VELOCITIES.space, sizes)
    return PolicyExplorer(policy, CAMERA)


def led_to(arcs: list[Arc], start: tuple[float, float, float]) -> NDArray[np.float64]:
    """Poses (T + 1, 3) to which arcs lead in training, by their closed form."""
    poses = [np.array(start)]
    for arc in arcs:
        shares = VELOCITIES.shares(np.array([[arc.length_m, arc.turn_rad]]))
        x, y, turn = VELOCITIES.motion(shares)[0]
        c, s = np.cos(poses[-1][2]), np.sin(poses[-1][2])
        poses.append(poses[-1] + [c * x - s * y, s * x + c * y, turn])
    return np.array(poses)


@simulated
@pytest.mark.parametrize(
    ("spec", "beside_m", "turned_rad"),
    [(TURTLEBOT, 0.02, 0.06), (HUSKY, 0.05, 0.1)],
    ids=["turtlebot", "husky"],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_policy_is_driven_along_its_arcs_and_told_its_own_velocities(
    spec: RobotSpec, beside_m: float, turned_rad: float, seed: int
) -> None:
    start, explorer, kept = (2.5, 2.0, 0.0), random_policy(seed), Kept()
    given, read = [], []
    act = explorer.act

    def overheard(observation: dict[str, NDArray[Any]], frames: Frames, camera: Camera) -> NDArray[Any]:
        read.append(observation["previous_action"][0])
        given.append(act(observation, frames, camera)[0])
        return given[-1][None]

    explorer.act = overheard  # type: ignore[method-assign]
    robot = robot_in_a_room(start, spec, Noise())
    assert Driver(robot, ExplorerPilot(explorer, CAMERA), [kept]).run(10, seed).cause is None
    robot.close()
    assert all(decision.executed for decision in kept.decisions)
    arcs = [decision.action for decision in kept.decisions]
    assert all(isinstance(arc, Arc) for arc in arcs)
    nobody = np.zeros(10, bool)
    np.testing.assert_array_equal(read, [np.zeros(2), *VELOCITIES.previous(np.array(given), nobody)[:-1]])
    assert np.ptp(np.array(read)[1:], axis=0).min() > 0.4  # it went slow and fast, left and right
    believed, wanted = kept.states[-1].odometry, led_to(arcs, start)[-1]  # type: ignore[arg-type]
    assert (believed.x, believed.y) == pytest.approx(wanted[:2], abs=beside_m)
    assert believed.yaw == pytest.approx(wanted[2], abs=turned_rad)


@simulated
def test_every_decision_ends_where_its_arc_does_and_on_the_way_it_is_on_it() -> None:
    start, kept = (2.0, 2.0, 0.0), Kept()
    pilot = Told(*[Arc(*arc) for arc in VELOCITIES.arcs(np.array(BENT)).tolist()], Arc(0.0, 0.0))
    robot = robot_in_a_room(start)
    assert Driver(robot, pilot, [kept]).run(len(BENT) + 1).cause is None
    robot.close()
    here = [shown.odometry for shown in pilot.shown]
    wanted = led_to([decision.action for decision in kept.decisions], start)[:-1]  # type: ignore[misc]
    np.testing.assert_allclose([(o.x, o.y) for o in here], wanted[:, :2], atol=0.015)
    np.testing.assert_allclose([o.yaw for o in here], wanted[:, 2], atol=0.05)
    first = np.array([(s.odometry.x, s.odometry.y) for s in kept.states if s.stamp_s <= here[1].stamp_s])
    arc = start[:2] + along_arc(VELOCITIES.motion(np.array(BENT[:1]))[0])
    ahead = np.clip(first[:, 0], *arc[[0, -1], 0])
    np.testing.assert_allclose(first[:, 1], np.interp(ahead, *arc.T), atol=0.01)
    speeds = [(s.command.forward, s.command.turn) for s in kept.states if s.stamp_s <= here[1].stamp_s]
    assert max(forward for forward, _ in speeds) == pytest.approx(TURTLEBOT.limits.forward)
    assert any(forward > 0.1 and turn > 0.1 for forward, turn in speeds)  # it turns as it goes


@simulated
def test_a_blocked_arc_is_taken_back_and_told_as_in_training() -> None:
    """The room's wall is 0.5 m ahead of the robot, which is 0.17 m wide: it gets one arc near."""
    agent, kept, start = Agent([1.0, 0.3], [0.9, 0.5], [0.0, 0.5]), Kept(), (5.5, 2.0, 0.0)
    robot = robot_in_a_room(start)
    Driver(robot, ExplorerPilot(agent, CAMERA), [kept]).run(4)  # type: ignore[arg-type]
    assert [decision.executed for decision in kept.decisions] == [True, False, True, False]
    assert sum(state.contact_s for state in kept.states) > 0
    told = [[0.0, 0.0], [1.0, 0.3], [0.0, 0.0], [0.0, 0.5]]
    np.testing.assert_array_equal(np.concatenate(agent.read), np.array(told, np.float32))
    assert agent.collided == [False, False, True, False]
    x, y, yaw = robot.true_pose
    robot.close()
    carried_out = [decision.action for decision in kept.decisions if decision.executed]
    wanted = led_to(carried_out, start)[-1]  # type: ignore[arg-type]
    assert (x, y) == pytest.approx(wanted[:2], abs=0.03)
    assert yaw == pytest.approx(wanted[2], abs=0.06)


@simulated
def test_a_person_steers_in_steps_and_the_agent_is_told_them_as_velocities() -> None:
    people, agent, kept = Teleoperation(), Agent([0.5, 0.0]), Kept()
    people.joined()
    script = Script((0.05, lambda: people.steer(LEFT)), (3.0, people.hand_back))
    robot = robot_in_a_room()
    pilot = ExplorerPilot(agent, CAMERA)  # type: ignore[arg-type]
    assert Driver(robot, pilot, [kept, script], people).run(2).cause is None
    x, y, yaw = robot.true_pose
    robot.close()
    assert [(decision.action, decision.by) for decision in kept.decisions] == [
        (LEFT, "person"),
        (Arc(0.125, 0.0), "pilot"),
    ]
    np.testing.assert_array_equal(np.concatenate(agent.read), [[0.0, 0.0], [0.0, 1.0]])
    assert (x - 2.0, y - 2.0) == pytest.approx((0.125 * np.cos(yaw), 0.125 * np.sin(yaw)), abs=0.02)


@simulated
@pytest.mark.parametrize("nonsense", [Arc(float("nan"), 0.0), Arc(0.1, float("inf")), Arc(0.1, 2.0)])
def test_an_arc_that_makes_no_sense_stops_the_robot(nonsense: Arc) -> None:
    assert "the pilot asked for an arc" in stopped_by(Told(Arc(0.1, 0.1), nonsense), robot_in_a_room())


@simulated
def test_a_velocity_that_is_not_finite_stops_the_robot() -> None:
    agent = Agent([0.5, 0.5], [float("nan"), 0.0])
    pilot = ExplorerPilot(agent, CAMERA)  # type: ignore[arg-type]
    assert "the policy gives no velocity" in stopped_by(pilot, robot_in_a_room())


def stopped_by(pilot: Any, robot: SimulatedRobot) -> str:
    outcome = Driver(robot, pilot).run(20)
    assert outcome.decisions == 1
    assert abs(robot.odometry().twist.forward) < 0.01
    robot.close()
    return str(outcome.cause)


def test_a_real_robot_gets_its_velocities_as_twists(monkeypatch: pytest.MonkeyPatch) -> None:
    ros = FakeRos()
    ros.install(monkeypatch)
    ros.height = 8
    robot, agent = RosRobot(1.25, Twist(0.3, 1.0), Twist(0.5, 2.0)), Agent([1.0, 1.0])
    agent.camera = robot.camera
    pilot = ExplorerPilot(agent, robot.camera)  # type: ignore[arg-type]
    assert Driver(robot, pilot).run(2).cause is None
    here, wanted = robot.odometry(), led_to([Arc(0.25, np.radians(15))] * 2, (0.0, 0.0, 0.0))[-1]
    robot.close()
    assert (here.x, here.y, here.yaw) == pytest.approx(tuple(wanted), abs=0.02)
    sent = [message for topic, message, _ in ros.published if topic == "/cmd_vel"]
    assert any(message.linear.x > 0.1 and message.angular.z > 0.1 for message in sent)
    assert (sent[-1].linear.x, sent[-1].angular.z) == (0.0, 0.0)


@pytest.fixture(scope="module", params=["sequence-ppo", "recurrent-ppo"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny policy after two rollouts."""
    out = tmp_path_factory.mktemp(request.param) / "run"
    train = ["train", "recuriosity", "--actions", "velocities", "--num-envs", "2", "--episode-steps", "16"]
    algorithm = [] if request.param == "sequence-ppo" else ["--algorithm", request.param]
    short = ["--threads", "1", "--steps", "64", "--ppo.sequences-per-batch", "2"]
    assert cli.main([*train, *short, *algorithm, "--out", str(out)]) == 0
    return out


def drive(run: Path, out: Path, *options: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record of eight decisions, and the decisions in its recording."""
    recording = out.with_suffix(".mcap")
    short = ["--steps", "8", "--threads", "1", "--no-noise", "--seed", "1"]
    command = ["drive", str(run), *short, *options, "--out", str(out), "--record", str(recording)]
    assert cli.main(command) == 0
    with open(recording, "rb") as file:
        decided = [told_in(message.data) for *_, message in make_reader(file).iter_messages("/decision")]
    return json.loads((out / "episodes.jsonl").read_text()), decided


@simulated
def test_what_is_trained_with_velocities_drives_by_the_same_command(run: Path, tmp_path: Path) -> None:
    record, decided = drive(run, tmp_path / "out")
    assert [decision["index"] for decision in decided] == list(range(8))
    assert list(decided[0]["action"]) == ["length_m", "turn_rad"]
    arcs = np.array([list(decision["action"].values()) for decision in decided])
    assert np.all((arcs >= [0.0, -np.radians(15)]) & (arcs <= [0.25, np.radians(15)]))
    executed = np.array([decision["executed"] for decision in decided])
    assert record["steps"] == 8
    assert record["collisions"] == record["drive"]["blocked"] == (~executed).sum()
    assert record["path_length_m"] == pytest.approx(arcs[executed, 0].sum(), abs=0.05)


@simulated
def test_whoever_watches_it_changes_nothing(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("viser", reason="the extra robonav[view] is not installed")
    unseen = drive(run, tmp_path / "unseen")
    seen = drive(run, tmp_path / "seen", "--view", "--pace", "fastest")
    for record, _ in (unseen, seen):
        del record["drive"]["real_time_factor"]
    assert seen == unseen


@pytest.mark.parametrize("run", ["recurrent-ppo"], indirect=True)
def test_a_policy_of_sb3_whose_weights_are_not_finite_does_not_start(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(find_checkpoint(run), broken)
    weights = load_file(broken / "model.safetensors")
    save_file({name: value * torch.nan for name, value in weights.items()}, broken / "model.safetensors")
    assert cli.main(["drive", str(broken), "--out", str(tmp_path / "out")]) == 2
    assert "some weights are not finite" in capsys.readouterr().err


def told_in(data: bytes) -> dict[str, Any]:
    """The JSON in a std_msgs/String: a header of 4 bytes, the length, the text, a zero."""
    told: dict[str, Any] = json.loads(data[8:].rstrip(b"\0"))
    return told

"""A drive that is watched: the map grows in the browser, people steer there, and nobody changes the rest."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from robonav.driving.driver import Decision, DriveObserver, Driver, Outcome, RobotState
from robonav.driving.teleoperation import Pace, Teleoperation
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.robots.robot import Twist
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.sensors.camera import Camera
from robonav.launch import cli
from robonav.viewer import drive_view, panel, path_drawing
from robonav.viewer.drive_view import DriveViewer
from robonav.viewer.server import start_server
from robonav.watching import Curve
from tests.driving.robots import Kept, Told, robot_in_a_room

viser = pytest.importorskip("viser", reason="the extra robonav[view] is not installed")
Client = pytest.importorskip("tests.viewer.browser_stand_in").Client


@pytest.fixture
def server() -> Iterator[viser.ViserServer]:
    server = start_server(0)
    yield server
    server.stop()


@pytest.fixture
def robot() -> Iterator[SimulatedRobot]:
    robot = robot_in_a_room(camera=Camera(32, 32))
    yield robot
    robot.close()


class Watched:
    """A drive in another thread, watched and supervised through a server."""

    def __init__(self, server: viser.ViserServer, robot: SimulatedRobot, pilot: Told, decisions: int) -> None:
        self.people, self.kept = Teleoperation(), Kept()
        self.viewer = DriveViewer(server, "a drive", robot.camera, self.people, Curve)
        observers = [self.kept, self.viewer, Pace(self.people, always=False)]
        self._driver, self._decisions = Driver(robot, pilot, observers, self.people), decisions
        self._thread = threading.Thread(target=self._drive)

    def start(self) -> None:
        self._thread.start()

    def outcome(self) -> Outcome:
        self._thread.join(60)
        return self._outcome

    def _drive(self) -> None:
        self._outcome = self._driver.run(self._decisions)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_buttons_and_keys_steer_and_the_late_joiner_sees_it(
    server: viser.ViserServer, robot: SimulatedRobot
) -> None:
    watched = Watched(server, robot, Told(FORWARD), 4)
    early = Client(server)
    early.set("Take over (T)", True)
    wait_until(lambda: watched.people.by_person)
    watched.start()
    wait_until(lambda: len(watched.kept.states) > 5)
    assert not watched.kept.decisions
    early.set("Left (J)", True)
    wait_until(lambda: len(watched.kept.decisions) == 1)
    early.press("L")
    wait_until(lambda: len(watched.kept.decisions) == 2)
    early.press("I")
    wait_until(lambda: len(watched.kept.decisions) == 3)
    late = Client(server)
    said = [props.get("_markdown", "") for props in late.controls.values()]
    assert "**a person drives**" in said
    late.press("H")  # anyone may hand back
    assert watched.outcome().cause is None
    told = [(decision.action, decision.by) for decision in watched.kept.decisions]
    person = [(LEFT, "person"), (RIGHT, "person"), (FORWARD, "person")]
    assert told == [*person, (FORWARD, "pilot")]
    late.listen()
    early.listen()
    assert {"/robot/body", "/robot/camera", "/floor", "/graph/places"} <= late.nodes.keys()
    assert late.nodes.keys() == early.nodes.keys()
    assert any(name.startswith("/map/") for name in late.nodes)
    here = watched.kept.states[-1].odometry
    np.testing.assert_allclose(late.nodes["/robot/body"]["position"][:2], (here.x, here.y), atol=0.02)


def test_stop_is_heard_in_the_middle_of_a_step(server: viser.ViserServer, robot: SimulatedRobot) -> None:
    watched, client = Watched(server, robot, Told(FORWARD), 2), Client(server)
    pace = Pace(watched.people, always=True)  # a step lasts a second, as for people
    watched._driver._observers = [*watched._driver._observers, pace]
    watched.start()
    wait_until(lambda: bool(watched.kept.states) and watched.kept.states[-1].odometry.twist.forward > 0.1)
    client.press("K")
    wait_until(lambda: watched.people.by_person)
    asked_s = watched.kept.states[-1].stamp_s
    wait_until(lambda: watched.kept.states[-1].stamp_s > asked_s + 1.5)
    stopped = [m for m in watched.kept.states if m.stamp_s > asked_s + 0.6]
    assert max(abs(m.odometry.twist.forward) for m in stopped) < 0.01
    client.press("H")
    assert watched.outcome().cause is None
    assert not watched.kept.decisions[0].executed


def test_a_browser_that_goes_away_leaves_the_drive_alone(
    server: viser.ViserServer, robot: SimulatedRobot
) -> None:
    watched, client = Watched(server, robot, Told(FORWARD), 4), Client(server)
    watched.start()
    wait_until(lambda: len(watched.kept.decisions) >= 1)
    client.close()
    assert watched.outcome().cause is None
    assert len(watched.kept.decisions) == 4


def test_what_the_server_keeps_does_not_grow_with_time(
    server: viser.ViserServer, robot: SimulatedRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turning round and round in a room that is known."""
    monkeypatch.setattr(drive_view, "MAP_EVERY_S", 0.0)
    buffer = server._websock_server._broadcast_buffer
    people = Teleoperation()
    viewer = DriveViewer(server, "a drive", robot.camera, people, Curve)
    driver = Driver(robot, Told(LEFT), [viewer], people)
    driver.run(24)
    kept = len(buffer.message_from_id)
    driver.run(36)
    assert len(buffer.message_from_id) <= kept + 6  # something new is seen in corners, but not every time


class Tape(DriveObserver):
    """Remembers what a viewer is told, to tell it again."""

    def __init__(self) -> None:
        self.told: list[RobotState | Decision] = []

    def tick(self, state: RobotState) -> None:
        self.told.append(state)

    def decided(self, decision: Decision) -> None:
        self.told.append(decision)

    def play(self, viewer: DriveObserver) -> None:
        for what in self.told:
            viewer.decided(what) if isinstance(what, Decision) else viewer.tick(what)


def test_what_an_update_sends_and_what_is_kept_do_not_grow_with_the_drive(
    server: viser.ViserServer, robot: SimulatedRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Round after round in a room that is known; limits are small, so that they are reached soon."""
    for module, name, value in (
        (drive_view, "MAP_EVERY_S", 0.0),
        (drive_view, "ROBOT_EVERY_S", 0.0),
        (panel, "MOST_POINTS", 16),
        (path_drawing, "PART_POINTS", 8),
        (path_drawing, "MOST_PARTS", 4),
    ):
        monkeypatch.setattr(module, name, value)
    tape, buffer = Tape(), server._websock_server._broadcast_buffer
    Driver(robot, Told(Twist(0.3, 1.2)), [tape]).run(26)  # a circle of half a metre, each decision 0.2 s
    viewer = DriveViewer(server, "a drive", robot.camera, Teleoperation(), Curve)
    pushed: list[int] = []
    push = buffer.push
    monkeypatch.setattr(buffer, "push", lambda message: (pushed.append(size_of(message)), push(message)))
    sent, kept = [], []
    for _ in range(10):
        pushed.clear()
        tape.play(viewer)
        sent.append(sum(pushed))
        kept.append(sum(size_of(message) for message in buffer.message_from_id.values()))
    assert kept[-1] > 10_000  # there is a map
    assert sent[-1] <= 1.02 * sent[3]
    assert kept[-1] <= 1.02 * kept[3]


def size_of(message: Any) -> int:
    """Bytes of a message before it is compressed."""
    return len(msgspec.msgpack.encode(message.as_serializable_dict()))


def test_the_command_is_watched_and_drives_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = []
    for name, options in (("seen", ["--view", "--pace", "fastest"]), ("unseen", [])):
        wanted = ["--steps", "4", "--threads", "1", "--camera", "64", "--out", str(tmp_path / name)]
        assert cli.main(["drive", "straight", *wanted, *options]) == 0
        record = json.loads((tmp_path / name / "episodes.jsonl").read_text())
        del record["drive"]["real_time_factor"]
        records.append(record)
    assert records[0] == records[1]
    assert "open http://127.0.0.1:" in capsys.readouterr().out


def test_a_watched_drive_is_as_fast_as_the_clock(tmp_path: Path) -> None:
    wanted = ["--steps", "2", "--threads", "1", "--camera", "64", "--out", str(tmp_path), "--view"]
    assert cli.main(["drive", "straight", *wanted]) == 0
    record = json.loads((tmp_path / "episodes.jsonl").read_text())
    assert record["drive"]["real_time_factor"] <= 1.05

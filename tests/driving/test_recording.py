"""A recorded drive is read back by readers that are not ours, whatever ended it."""

from __future__ import annotations

import contextlib
import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.stream_reader import StreamReader, breakup_chunk
from rosbags.typesys import Stores, get_typestore

from robonav.driving import recording
from robonav.driving.driver import Driver, Outcome
from robonav.driving.recording import TOPICS, Recorder
from robonav.driving.robot_map import RobotMap
from robonav.driving.ros_types import definition
from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError
from tests.driving.robots import Kept, Told, robot_in_a_room

pytestmark = pytest.mark.usefixtures("engine")

STORE = get_typestore(Stores.ROS2_HUMBLE)  # ROS's own definitions, from another project than the writer


def record(path: Path, decisions: int, close: bool = True) -> tuple[Outcome, Kept, RobotMap]:
    """Drive and record; without `close` the file is left as a killed process would leave it."""
    robot, kept = robot_in_a_room(camera=Camera(32, 24)), Kept()
    robot_map = RobotMap(robot.camera, robot.odometry())
    recorder = Recorder(path, robot.camera, robot_map, lambda: robot.true_pose)
    outcome = Driver(robot, Told(FORWARD, LEFT), [kept, robot_map, recorder]).run(decisions)
    if close:
        recorder.close()
    robot.close()
    return outcome, kept, robot_map


def messages(path: Path) -> dict[str, list[Any]]:
    """All messages by topic, decoded by rosbags with its own definitions of the types."""
    found: dict[str, list[Any]] = {}
    with open(path, "rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            assert schema is not None
            found.setdefault(channel.topic, []).append(STORE.deserialize_cdr(message.data, schema.name))
    return found


def test_what_is_read_back_is_what_happened(tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    _, kept, robot_map = record(path, 4)
    found = messages(path)
    assert set(found) == set(TOPICS)

    odometry = [state.odometry for state in kept.states]
    assert [m.pose.pose.position.x for m in found["/odom"]] == [o.x for o in odometry]
    yaws = [2 * np.arctan2(m.pose.pose.orientation.z, m.pose.pose.orientation.w) for m in found["/odom"]]
    np.testing.assert_allclose(yaws, [o.yaw for o in odometry], atol=1e-9)
    assert [m.linear.x for m in found["/cmd_vel"]] == [state.command.forward for state in kept.states]

    frames = [state.frame for state in kept.states if state.is_new]
    for message, frame in zip(found["/camera/image_raw"], frames, strict=True):
        assert frame is not None
        assert message.header.stamp.sec + message.header.stamp.nanosec * 1e-9 == pytest.approx(frame.stamp_s)
        np.testing.assert_array_equal(message.data.reshape(24, 32, 3), frame.rgb)
    depth = found["/camera/depth/image_raw"][-1]
    np.testing.assert_array_equal(depth.data.view("<f4").reshape(24, 32), frames[-1].depth)  # type: ignore[union-attr]

    told = [json.loads(message.data) for message in found["/decision"]]
    assert [(t["action"], t["executed"]) for t in told] == [(FORWARD, True), (LEFT, True)] * 2

    grid = found["/map"][-1]
    x, y = 3.0, 2.0  # ahead of the robot, on free floor
    column = int((x - grid.info.origin.position.x) / grid.info.resolution)
    row = int((y - grid.info.origin.position.y) / grid.info.resolution)
    assert grid.data.reshape(grid.info.height, grid.info.width)[row, column] == 0
    assert set(np.unique(grid.data)) <= {-1, 0, 100}
    assert robot_map.grid.cells.any()


def test_the_definitions_are_those_of_ros() -> None:
    """The types' fields, compared with those that rosbags has: same names, same order, same types."""
    for name in TOPICS.values():
        ours, *others = definition(name).split("\n" + 80 * "=" + "\n")
        texts = {name: ours} | {
            o.partition("\n")[0].removeprefix("MSG: "): o.partition("\n")[2] for o in others
        }
        for used, text in texts.items():
            fields = [line.split()[1] for line in text.splitlines()]
            wanted = STORE.fielddefs[used.replace("/", "/msg/")][1]
            assert fields == [field for field, _ in wanted], used


@pytest.mark.parametrize("room_bytes", [200_000, 150_001])
def test_a_full_disk_stops_the_robot_and_leaves_a_readable_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room_bytes: int
) -> None:
    monkeypatch.setattr(recording, "CHUNK_BYTES", 100_000)
    real_open = open

    class SmallDisk:
        def __init__(self, *given: Any, **options: Any) -> None:
            self._file = real_open(*given, **options)

        def write(self, data: memoryview) -> int:
            room = room_bytes - self._file.tell()
            if room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self._file.write(data[:room])

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    monkeypatch.setattr(recording, "open", SmallDisk, raising=False)
    path = tmp_path / "run.mcap"
    outcome, kept, _ = record(path, 200)
    assert outcome.cause is not None
    assert "run.mcap failed: No space left on device" in outcome.cause
    assert path.stat().st_size <= room_bytes
    odometry = messages(path)["/odom"]
    assert len(odometry) > 20
    assert [m.pose.pose.position.x for m in odometry] == [
        state.odometry.x for state in kept.states[: len(odometry)]
    ]


def test_after_a_crash_all_finished_chunks_are_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "CHUNK_BYTES", 50_000)
    path = tmp_path / "run.mcap"
    _, kept, _ = record(path, 4, close=False)
    chunks = []
    with open(path, "rb") as file, contextlib.suppress(McapError):  # raised where the ending should be
        for entry in StreamReader(file, emit_chunks=True).records:
            chunks += [entry] if isinstance(entry, Chunk) else []
    assert sum(len(breakup_chunk(chunk)) for chunk in chunks) > len(kept.states)


def test_a_recording_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"run\.mcap exists"):
        record(path, 1)
    assert path.read_bytes() == b"mine"

"""Records a drive as MCAP with ROS 2 messages; a recording that is cut off stays readable."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from robonav.driving import ros_types
from robonav.driving.driver import Decision, DriveObserver, RobotState
from robonav.driving.robot_map import RobotMap
from robonav.envs.robots import messages
from robonav.envs.robots.robot import Odometry
from robonav.envs.sensors.camera import Camera
from robonav.errors import UsageError

if TYPE_CHECKING:
    from mcap_ros2.writer import Writer

CHUNK_BYTES = 256 * 1024  # about a second; what is not in a finished chunk is lost when the power fails
MAP_EVERY_S = 5.0

TruePose = Callable[[], tuple[float, float, float]]  # x, y, yaw in the world

TOPICS = {
    "/camera/image_raw": "sensor_msgs/Image",
    "/camera/depth/image_raw": "sensor_msgs/Image",
    "/camera/camera_info": "sensor_msgs/CameraInfo",
    "/odom": "nav_msgs/Odometry",
    "/tf": "tf2_msgs/TFMessage",
    "/cmd_vel": "geometry_msgs/Twist",
    "/bumper": "std_msgs/Bool",
    "/map": "nav_msgs/OccupancyGrid",
    "/decision": "std_msgs/String",
    "/ground_truth/odom": "nav_msgs/Odometry",
}


class Recorder(DriveObserver):
    """Writes camera, odometry, transforms, commands, bumper, decisions and the robot's map.

    Args:
        path: The file; it must not exist yet.
        camera: The robot's camera.
        robot_map: The robot's own map.
        true_pose: Returns x, y, yaw in the world; None on a real robot.

    Raises:
        UsageError: The file exists, or the package `mcap-ros2-support` is missing.
    """

    def __init__(
        self,
        path: Path,
        camera: Camera,
        robot_map: RobotMap,
        true_pose: TruePose | None = None,
    ) -> None:
        self._path, self._camera, self._map, self._true_pose = path, camera, robot_map, true_pose
        writer = _import_writer()
        try:
            self._file = _WholeWrites(path)
        except FileExistsError as error:
            raise UsageError(f"{path} exists: give --record the name of a new file") from error
        self._writer: Writer = writer(cast(IO[bytes], self._file), chunk_size=CHUNK_BYTES)
        types = sorted(set(TOPICS.values()))
        self._schemas = {
            name: self._writer.register_msgdef(name.replace("/", "/msg/"), ros_types.definition(name))
            for name in types
        }
        self._stamp_s, self._map_s = 0.0, -MAP_EVERY_S

    def tick(self, state: RobotState) -> None:
        """Record one control period.

        Raises:
            UsageError: The disk is full, or fails otherwise.
        """
        self._stamp_s, here = state.stamp_s, state.odometry
        self._write("/odom", messages.odometry(here))
        self._write("/tf", messages.transforms(here, self._camera))
        self._write("/cmd_vel", messages.twist(state.command))
        self._write("/bumper", {"data": state.contact_s > 0})
        if self._true_pose is not None:
            truth = Odometry(state.stamp_s, *self._true_pose())
            self._write("/ground_truth/odom", messages.odometry(truth))
        if state.frame is not None and state.is_new:
            stamp_s = state.frame.stamp_s
            self._write("/camera/image_raw", messages.rgb_image(stamp_s, state.frame.rgb))
            self._write("/camera/depth/image_raw", messages.depth_image(stamp_s, state.frame.depth))
            self._write("/camera/camera_info", messages.camera_info(stamp_s, self._camera))
        if state.stamp_s - self._map_s >= MAP_EVERY_S:
            self._map_s = state.stamp_s
            self._write("/map", self._map.message(state.stamp_s))

    def decided(self, decision: Decision) -> None:
        """Record a decision as JSON.

        Raises:
            UsageError: The disk is full, or fails otherwise.
        """
        action = decision.action if isinstance(decision.action, int) else vars(decision.action)
        told = {"index": decision.index, "action": action, "executed": decision.executed, "by": decision.by}
        self._write("/decision", {"data": json.dumps(told)})

    def close(self) -> None:
        """Write the index, or, after a failure, the shortest ending that readers accept."""
        try:
            if not self._file.failed:
                self._guarded(self._writer.finish)
        finally:
            self._file.close()

    def _write(self, topic: str, message: dict[str, Any]) -> None:
        schema, now = self._schemas[TOPICS[topic]], messages.nanoseconds(self._stamp_s)
        self._guarded(lambda: self._writer.write_message(topic, schema, message, log_time=now))

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            raise UsageError(
                f"recording {self._path} failed: {error.strerror}; what was recorded until about "
                f"{self._stamp_s:.0f} s is readable"
            ) from error


class _WholeWrites:
    """A file that writes each piece whole or not at all.

    The MCAP writer writes one finished chunk at a time. Where the disk is full, this file removes the partly
    written chunk, which leaves room for the ending that makes the file readable.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = open(path, "xb", buffering=0)  # noqa: SIM115 (close() closes it)
        self.failed = False

    def write(self, data: bytes) -> int:
        """Write it all, or raise the OSError that prevented it."""
        begin = self._file.tell()
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self.failed = True
            self._file.seek(begin)
            self._file.truncate()
            raise
        return len(data)

    def tell(self) -> int:
        """Bytes so far."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file; a failed one is ended first, if there is room for that."""
        if self.failed:
            from mcap.data_stream import RecordBuilder
            from mcap.records import DataEnd, Footer
            from mcap.writer import MCAP0_MAGIC

            ending = RecordBuilder()
            DataEnd(0).write(ending)
            Footer(0, 0, 0).write(ending)
            with contextlib.suppress(OSError):
                self.write(ending.end() + MCAP0_MAGIC)
        self._file.close()


def _import_writer() -> type[Writer]:
    try:
        from mcap_ros2.writer import Writer
    except ImportError as error:
        raise UsageError(
            "recording needs the package mcap-ros2-support, which is missing: pip install 'robonav[drive]'"
        ) from error
    return Writer

"""A stand-in for ROS 2: messages that check the types of their fields, and a robot that answers cmd_vel."""

from __future__ import annotations

import math
import sys
import time
from array import array
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest


class Message:
    """Fields have the types of `FIELDS`; anything else is refused, as rclpy's setters do."""

    FIELDS: ClassVar[dict[str, Any]] = {}

    def __init__(self, **values: Any) -> None:
        for name, kind in self.FIELDS.items():
            object.__setattr__(self, name, kind())
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        wanted = type(getattr(self, name))  # an AttributeError where there is no such field
        assert isinstance(value, wanted), f"{type(self).__name__}.{name} takes {wanted}, not {type(value)}"
        if isinstance(value, array):
            assert value.typecode == getattr(self, name).typecode
        object.__setattr__(self, name, value)


def message(name: str, **fields: Any) -> Any:
    return type(name, (Message,), {"FIELDS": fields})


Time = message("Time", sec=int, nanosec=int)
Header = message("Header", stamp=Time, frame_id=str)
Vector3 = message("Vector3", x=float, y=float, z=float)
Quaternion = message("Quaternion", x=float, y=float, z=float, w=float)
Twist = message("Twist", linear=Vector3, angular=Vector3)
Pose = message("Pose", position=Vector3, orientation=Quaternion)
Odometry = message(
    "Odometry",
    header=Header,
    child_frame_id=str,
    pose=message("PoseWithCovariance", pose=Pose),
    twist=message("TwistWithCovariance", twist=Twist),
)
Image = message(
    "Image", header=Header, height=int, width=int, encoding=str, step=int, data=lambda: array("B")
)
CameraInfo = message("CameraInfo", header=Header, height=int, width=int, k=list)
Bool = message("Bool", data=bool)
MapMetaData = message("MapMetaData", map_load_time=Time, resolution=float, width=int, height=int, origin=Pose)
OccupancyGrid = message("OccupancyGrid", header=Header, info=MapMetaData, data=lambda: array("b"))

MODULES = {
    "geometry_msgs.msg": {"Twist": Twist},
    "nav_msgs.msg": {"Odometry": Odometry, "OccupancyGrid": OccupancyGrid},
    "sensor_msgs.msg": {"Image": Image, "CameraInfo": CameraInfo},
    "std_msgs.msg": {"Bool": Bool},
    "rclpy.qos": {"qos_profile_sensor_data": "sensor data"},
}


class FakeRos:
    """`rclpy` with one robot in an empty plane, whose clock is advanced by `spin_once`, and never waits.

    Attributes:
        published: Topic, message and time of everything that was published.
        encoding: How the camera encodes.
        silent: Topics on which nothing comes.
        is_up: ROS was initialised and not shut down.
        bumped: What its bumper says.
        height: Rows of its images.
    """

    def __init__(self) -> None:
        self.published: list[tuple[str, Any, float]] = []
        self.encoding, self.silent, self.is_up, self.bumped = "rgb8", set[str](), False, False
        self.height = 6
        self._callbacks: dict[str, Any] = {}
        self._now, self._pose, self._ticks = 1000.0, [0.0, 0.0, 0.0], 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rclpy: Any = ModuleType("rclpy")
        rclpy.init, rclpy.shutdown, rclpy.spin_once = self._init, self._shutdown, self._spin_once
        rclpy.create_node = lambda name: self
        monkeypatch.setitem(sys.modules, "rclpy", rclpy)
        for name, contents in MODULES.items():
            module = ModuleType(name)
            vars(module).update(contents)
            monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType(name.partition(".")[0]))
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setitem(sys.modules, "rclpy", rclpy)
        monkeypatch.setattr(time, "monotonic", lambda: self._now)

    def create_publisher(self, kind: type, topic: str, depth: int) -> Any:
        def publish(sent: Any) -> None:
            assert type(sent) is kind
            self.published.append((topic, sent, self._now))

        return SimpleNamespace(publish=publish)

    def create_subscription(self, kind: type, topic: str, callback: Any, qos: str) -> str:
        self._callbacks[topic] = (kind, callback)
        return topic

    def get_clock(self) -> Any:
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=round(self._now * 1e9)))

    def destroy_node(self) -> None:
        self._callbacks.clear()

    def _init(self) -> None:
        self.is_up = True

    def _shutdown(self) -> None:
        self.is_up = False

    def _spin_once(self, node: FakeRos, timeout_sec: float) -> None:
        """20 odometry messages and 10 images a second; the robot obeys at once."""
        self._now += timeout_sec + 1e-9
        commands = [sent for topic, sent, _ in self.published if topic == "/cmd_vel"]
        twist = commands[-1] if commands else Twist()
        x, y, yaw = self._pose
        way = twist.linear.x * timeout_sec
        self._pose = [x + way * math.cos(yaw), y + way * math.sin(yaw), yaw + twist.angular.z * timeout_sec]
        self._ticks += 1
        self._say("/odom", self._odometry(twist))
        self._say("/bumper", Bool(data=self.bumped))
        if self._ticks % 2:
            info = CameraInfo(header=self._header(), height=self.height, width=8, k=[4.0])
            self._say("/camera/camera_info", info)
            self._say("/camera/depth/image_raw", self._image("32FC1", np.full((self.height, 8), 2.0, "<f4")))
            red = np.full((self.height, 8, 3), (200, 50, 10), np.uint8)
            self._say("/camera/image_raw", self._image(self.encoding, red))

    def _say(self, topic: str, said: Any) -> None:
        if topic not in self.silent:
            kind, callback = self._callbacks[topic]
            assert type(said) is kind
            callback(said)

    def _header(self) -> Any:
        return Header(stamp=Time(sec=int(self._now), nanosec=int(self._now % 1 * 1e9)))

    def _odometry(self, twist: Any) -> Any:
        x, y, yaw = self._pose
        said = Odometry(header=self._header())
        said.pose.pose.position = Vector3(x=x, y=y)
        said.pose.pose.orientation = Quaternion(z=math.sin(yaw / 2), w=math.cos(yaw / 2))
        said.twist.twist = twist
        return said

    def _image(self, encoding: str, pixels: np.ndarray) -> Any:
        """An image whose rows are padded, as drivers may do."""
        padded = np.pad(pixels.view(np.uint8).reshape(len(pixels), -1), ((0, 0), (0, 4)))
        height, width = pixels.shape[:2]
        data = array("B", padded.tobytes())
        return Image(
            header=self._header(),
            height=height,
            width=width,
            encoding=encoding,
            step=padded.shape[1],
            data=data,
        )

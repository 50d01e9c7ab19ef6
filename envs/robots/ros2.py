"""A real robot, or any other, through ROS 2 topics."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.robots import messages
from robonav.envs.robots.robot import STANDSTILL, CameraFrame, Odometry, RobotError, Twist
from robonav.envs.sensors.camera import Camera

NODE = "robonav"
FIRST_MESSAGES_S = 5.0
_QUEUE = 10


@dataclass(frozen=True)
class Topics:
    """Names of the topics; the robot's driver decides what they are."""

    image: str = "/camera/image_raw"
    camera_info: str = "/camera/camera_info"
    depth: str = "/camera/depth/image_raw"
    odometry: str = "/odom"
    bumper: str = "/bumper"
    cmd_vel: str = "/cmd_vel"
    map: str = "/map"


class RosRobot:
    """A node that hears odometry, images and a bumper, and publishes geometry_msgs/Twist 20 times a second.

    Depth and bumper are optional: without them depth is 0 and nothing is ever touched. What the camera is
    like is told by its sensor_msgs/CameraInfo.

    Args:
        camera_height_m: How high the camera is mounted, metres.
        limits: The fastest that it may be told to go, m/s and rad/s.
        acceleration: m/s² and rad/s².
        topics: Their names.

    Raises:
        RobotError: ROS 2 is not there, or odometry, camera info or images do not come within 5 s.
    """

    period_s = 0.05

    def __init__(
        self, camera_height_m: float, limits: Twist, acceleration: Twist, topics: Topics | None = None
    ) -> None:
        self.limits, self.acceleration = limits, acceleration
        self._height_m, self._topics = camera_height_m, topics or Topics()
        self._rclpy = _import_rclpy()
        from geometry_msgs.msg import Twist as TwistMessage
        from nav_msgs.msg import OccupancyGrid

        self._twist_type, self._grid_type = TwistMessage, OccupancyGrid
        self._twist = STANDSTILL
        self._odometry: Odometry | None = None
        self._info: Camera | None = None
        self._frame: CameraFrame | None = None
        self._depth: NDArray[np.float32] | None = None
        self._touching, self._touched, self._broken = False, False, ""
        self._rclpy.init()
        self._node = self._rclpy.create_node(NODE)
        self._commands = self._node.create_publisher(TwistMessage, self._topics.cmd_vel, _QUEUE)
        self._maps = self._node.create_publisher(OccupancyGrid, self._topics.map, 1)
        self._listen()
        self.camera = self._await_first()

    def cmd_vel(self, twist: Twist) -> None:
        """Ask for a velocity from now on; it is published with every tick."""
        self._twist = twist

    def tick(self) -> None:
        """Publish the command and let 1/20 s pass, taking in what comes.

        Raises:
            RobotError: An image that cannot be used came.
        """
        message = self._twist_type()
        _fill(message, messages.twist(self._twist))
        self._commands.publish(message)
        self._touched = self._touching
        self._listen_for(self.period_s)
        if self._broken:
            raise RobotError(self._broken)

    def now(self) -> float:
        """Seconds of ROS time."""
        return float(self._node.get_clock().now().nanoseconds) * 1e-9

    def odometry(self) -> Odometry:
        """The latest odometry."""
        assert self._odometry is not None  # __init__ has waited for it
        return self._odometry

    def frame(self) -> CameraFrame | None:
        """The latest image, with the latest depth."""
        return self._frame

    def contact_s(self) -> float:
        """The whole tick, if the bumper was pressed during any of it."""
        return self.period_s if self._touched else 0.0

    def publish_map(self, message: messages.Message) -> None:
        """Publish a nav_msgs/OccupancyGrid."""
        grid = self._grid_type()
        _fill(grid, message)
        self._maps.publish(grid)

    def close(self) -> None:
        """Command a standstill and leave ROS."""
        self.cmd_vel(STANDSTILL)
        self.tick()
        self._leave()

    def _listen(self) -> None:
        from nav_msgs.msg import Odometry as OdometryMessage
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import CameraInfo, Image
        from std_msgs.msg import Bool

        heard = (
            (OdometryMessage, self._topics.odometry, self._hear_odometry),
            (CameraInfo, self._topics.camera_info, self._hear_info),
            (Image, self._topics.depth, self._hear_depth),
            (Image, self._topics.image, self._hear_image),
            (Bool, self._topics.bumper, self._hear_bumper),
        )
        self._subscriptions = [
            self._node.create_subscription(kind, topic, callback, qos_profile_sensor_data)
            for kind, topic, callback in heard
        ]

    def _await_first(self) -> Camera:
        deadline = time.monotonic() + FIRST_MESSAGES_S
        while self._odometry is None or self._info is None or self._frame is None:
            self._listen_for(self.period_s)
            if self._broken or time.monotonic() > deadline:
                self._leave()
                raise RobotError(self._broken or self._silence())
        return self._info

    def _silence(self) -> str:
        needed = {
            self._topics.odometry: self._odometry,
            self._topics.camera_info: self._info,
            self._topics.image: self._frame,
        }
        silent = ", ".join(topic for topic, heard in needed.items() if heard is None)
        return (
            f"nothing came on {silent} for {FIRST_MESSAGES_S:g} s: start the robot's driver, and compare "
            "with `ros2 topic list`"
        )

    def _leave(self) -> None:
        self._node.destroy_node()
        self._rclpy.shutdown()

    def _listen_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            self._rclpy.spin_once(self._node, timeout_sec=rest)

    def _hear_odometry(self, message: Any) -> None:
        pose, twist = message.pose.pose, message.twist.twist
        q = pose.orientation
        yaw = math.atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y**2 + q.z**2))
        velocity = Twist(twist.linear.x, twist.angular.z)
        self._odometry = Odometry(_stamp_s(message), pose.position.x, pose.position.y, yaw, velocity)

    def _hear_info(self, message: Any) -> None:
        hfov = 2 * math.degrees(math.atan(0.5 * message.width / message.k[0]))
        self._info = Camera(message.width, message.height, hfov, self._height_m)

    def _hear_image(self, message: Any) -> None:
        pixels = self._pixels(message, np.dtype(np.uint8), ("rgb8", "bgr8"))
        if pixels is None:
            return
        rgb = pixels if message.encoding == "rgb8" else np.ascontiguousarray(pixels[..., ::-1])
        depth = np.zeros(rgb.shape[:2], np.float32) if self._depth is None else self._depth
        self._frame = CameraFrame(_stamp_s(message), rgb, depth)

    def _hear_depth(self, message: Any) -> None:
        millimetres = message.encoding == "16UC1"
        pixels = self._pixels(message, np.dtype("<u2" if millimetres else "<f4"), ("16UC1", "32FC1"))
        if pixels is not None:
            metres = pixels[..., 0] * np.float32(1e-3 if millimetres else 1.0)
            self._depth = np.where(np.isfinite(metres), metres, 0.0).astype(np.float32)

    def _hear_bumper(self, message: Any) -> None:
        self._touching = bool(message.data)
        self._touched |= self._touching

    def _pixels(self, message: Any, dtype: np.dtype[Any], encodings: tuple[str, ...]) -> NDArray[Any] | None:
        """(H, W, C) values; None before the camera's info, and where `_broken` says why not."""
        if self._info is None:
            return None
        if message.encoding not in encodings or (message.width, message.height) != (
            self._info.width,
            self._info.height,
        ):
            self._broken = (
                f"an image of {message.width}x{message.height} in {message.encoding} came: expected "
                f"{self._info.width}x{self._info.height} in {' or '.join(encodings)}, as its camera info says"
            )
            return None
        rows = np.frombuffer(bytes(message.data), np.uint8).reshape(message.height, message.step)
        channels = 3 if dtype == np.uint8 else 1
        used = np.ascontiguousarray(rows[:, : message.width * channels * dtype.itemsize])
        return used.view(dtype).reshape(message.height, message.width, channels)


def _stamp_s(message: Any) -> float:
    return float(message.header.stamp.sec) + float(message.header.stamp.nanosec) * 1e-9


def _fill(message: Any, values: messages.Message) -> None:
    """Set the fields of a ROS message from a dictionary."""
    for name, value in values.items():
        if isinstance(value, dict):
            _fill(getattr(message, name), value)
        else:
            setattr(message, name, value)


def _import_rclpy() -> Any:
    try:
        import rclpy
    except ImportError as error:
        raise RobotError(
            "driving through ROS 2 needs rclpy, which comes with ROS 2 and not with pip: install ROS 2 and "
            "source its setup.bash in this shell"
        ) from error
    return rclpy

"""ROS 2 messages as plain dictionaries, for recordings and for a robot's topics."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.robots.robot import Odometry, Twist
from robonav.envs.sensors.camera import Camera

Message = dict[str, Any]

ODOM, BASE, CAMERA = "odom", "base_link", "camera_optical_frame"
MAP_UNKNOWN, MAP_FREE, MAP_OCCUPIED = -1, 0, 100  # nav_msgs/OccupancyGrid


def nanoseconds(stamp_s: float) -> int:
    """A time in nanoseconds."""
    return round(stamp_s * 1e9)


def header(stamp_s: float, frame_id: str) -> Message:
    """std_msgs/Header."""
    seconds, rest = divmod(nanoseconds(stamp_s), 10**9)
    return {"stamp": {"sec": seconds, "nanosec": rest}, "frame_id": frame_id}


def rgb_image(stamp_s: float, rgb: NDArray[np.uint8]) -> Message:
    """sensor_msgs/Image of an RGB frame (H, W, 3)."""
    return _image(stamp_s, "rgb8", np.ascontiguousarray(rgb))


def depth_image(stamp_s: float, depth: NDArray[np.float32]) -> Message:
    """sensor_msgs/Image of planar depth (H, W) in metres (REP 118, but 0 where nothing returns)."""
    return _image(stamp_s, "32FC1", np.ascontiguousarray(depth, dtype="<f4"))


def camera_info(stamp_s: float, camera: Camera) -> Message:
    """sensor_msgs/CameraInfo of a pinhole without distortion."""
    f, cx, cy = camera.focal, camera.width / 2 - 0.5, camera.height / 2 - 0.5  # ROS counts from pixel centres
    return {
        "header": header(stamp_s, CAMERA),
        "height": camera.height,
        "width": camera.width,
        "distortion_model": "plumb_bob",
        "d": [0.0] * 5,
        "k": [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0],
        "r": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        "p": [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    }


def odometry(here: Odometry) -> Message:
    """nav_msgs/Odometry; covariances are left at 0, unknown."""
    return {
        "header": header(here.stamp_s, ODOM),
        "child_frame_id": BASE,
        "pose": {"pose": {"position": _vector(here.x, here.y), "orientation": _about_z(here.yaw)}},
        "twist": {"twist": twist(here.twist)},
    }


def twist(velocity: Twist) -> Message:
    """geometry_msgs/Twist."""
    return {"linear": _vector(velocity.forward), "angular": _vector(0.0, 0.0, velocity.turn)}


def transforms(here: Odometry, camera: Camera) -> Message:
    """tf2_msgs/TFMessage: where the robot is by its odometry, and where its camera is mounted."""
    ahead = {"x": -0.5, "y": 0.5, "z": -0.5, "w": 0.5}  # camera: x right, y down, z forward
    links = (
        (ODOM, BASE, _vector(here.x, here.y), _about_z(here.yaw)),
        (BASE, CAMERA, _vector(0.0, 0.0, camera.height_m), ahead),
    )
    return {
        "transforms": [
            {
                "header": header(here.stamp_s, parent),
                "child_frame_id": child,
                "transform": {"translation": translation, "rotation": rotation},
            }
            for parent, child, translation, rotation in links
        ]
    }


def occupancy_grid(
    stamp_s: float, values: NDArray[np.int8], origin_xy: NDArray[np.floating], cell_size: float
) -> Message:
    """nav_msgs/OccupancyGrid.

    Args:
        stamp_s: When.
        values: (X, Y) -1 unknown, 0 free, 100 occupied.
        origin_xy: (2,) outer corner of cell [0, 0], metres.
        cell_size: Edge of a cell, metres.
    """
    return {
        "header": header(stamp_s, ODOM),
        "info": {
            "map_load_time": header(stamp_s, ODOM)["stamp"],
            "resolution": cell_size,
            "width": values.shape[0],
            "height": values.shape[1],
            "origin": {
                "position": _vector(float(origin_xy[0]), float(origin_xy[1])),
                "orientation": _about_z(0.0),
            },
        },
        "data": array("b", values.T.astype(np.int8).tobytes()),  # rows run along x
    }


def _image(stamp_s: float, encoding: str, pixels: NDArray[Any]) -> Message:
    return {
        "header": header(stamp_s, CAMERA),
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": pixels.strides[0],
        "data": pixels.tobytes(),
    }


def _vector(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Message:
    return {"x": x, "y": y, "z": z}


def _about_z(yaw: float) -> Message:
    return {"x": 0.0, "y": 0.0, "z": math.sin(yaw / 2), "w": math.cos(yaw / 2)}

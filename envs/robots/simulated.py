"""A robot that a physics engine moves and our ray casting looks from: the same commands give the same run."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.physics import AUTO, PHYSICS_HZ, open_physics
from robonav.envs.robots.camera_noise import CameraNoise
from robonav.envs.robots.dead_reckoning import DeadReckoning
from robonav.envs.robots.robot import STANDSTILL, CameraFrame, Odometry, RobotError, Twist
from robonav.envs.robots.spec import NO_NOISE, Noise, RobotSpec

CONTROL_HZ = 20
CAMERA_EVERY = 2  # control periods: 10 frames a second
_SUBSTEPS = PHYSICS_HZ // CONTROL_HZ
_SLIPPERY = 0.1  # share of its friction that a slipping wheel keeps
_UPRIGHT = 0.5  # cosine of the tilt at which a robot has fallen over

# Columns: the camera's right, down and forward axes in the robot's frame (x forward, y left, z up).
_MOUNT = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


class SimulatedRobot:
    """A differential drive in the mesh of a scene. Its odometry begins at its true pose.

    Args:
        world: The scene; its sensor renders what the camera sees, and its camera says how high it is mounted.
        spec: The robot.
        start: x, y, yaw on the floor of the world's free space, metres and radians.
        noise: Noise of motion and sensors.
        seed: Decides all that is random.
        physics: The engine, `mujoco`, `pybullet` or `auto`.

    Raises:
        RobotError: The engine is unknown or not installed, or the scene has nothing to stand on.
    """

    period_s = 1 / CONTROL_HZ

    def __init__(
        self,
        world: LoadedScene,
        spec: RobotSpec,
        start: tuple[float, float, float],
        noise: Noise = NO_NOISE,
        seed: int = 0,
        physics: str = AUTO,
    ) -> None:
        self.camera, self.limits, self.acceleration = world.sensor.camera, spec.limits, spec.acceleration
        self._sensor, self._spec, self._noise = world.sensor, spec, noise
        self._floor_z = world.free_space.floor_z
        self._rng, odometry_rng, camera_rng = np.random.default_rng(seed).spawn(3)
        self._physics = open_physics(physics, world.scene, self._floor_z)
        self._vehicle = self._physics.add_vehicle(spec, start)
        self._gains = 1.0 + noise.wheel_gain * self._rng.standard_normal(2)
        self._reckoning = DeadReckoning(start, noise, odometry_rng)
        self._camera_noise = CameraNoise(noise, camera_rng)
        self._commands: deque[tuple[int, Twist]] = deque()  # and the physics step at which each takes effect
        self._wanted, self._heard = STANDSTILL, 0
        self._speed = STANDSTILL  # what the motors are asked for, after limits on speed and acceleration
        self._steps, self._ticks, self._contact_steps, self._touching = 0, 0, 0, False
        self._yaw, self._rolled = start[2], float(np.mean(self._vehicle.rolled()))
        self._frame: CameraFrame | None = None

    def cmd_vel(self, twist: Twist) -> None:
        """Ask for a velocity; it takes effect after the robot's latency, within its limits."""
        self._heard = self._steps
        self._commands.append((self._steps + round(self._spec.latency_s * PHYSICS_HZ), twist))

    def tick(self) -> None:
        """Let 1/20 s pass: 12 physics steps, then odometry, and every other time a camera frame.

        Raises:
            RobotError: It fell over, or off the floor.
        """
        gains = self._gains * (1.0 + self._noise.actuation * self._rng.standard_normal(2))
        slips = self._rng.random(2) < self._noise.slips_per_s * self.period_s
        for side in np.flatnonzero(slips).tolist():
            self._vehicle.grip(side, _SLIPPERY)
        self._contact_steps = sum(self._substep(gains) for _ in range(_SUBSTEPS))
        for side in np.flatnonzero(slips).tolist():
            self._vehicle.grip(side, 1.0)
        self._ticks += 1
        self._measure()
        if self._frame is None or self._ticks % CAMERA_EVERY == 0:
            self._frame = self._look()

    def now(self) -> float:
        """Seconds since the start."""
        return self._steps / PHYSICS_HZ

    def odometry(self) -> Odometry:
        """Latest pose by encoders and gyro."""
        return self._reckoning.latest

    def frame(self) -> CameraFrame | None:
        """The latest frame."""
        return self._frame

    def contact_s(self) -> float:
        """For how long of the last tick something touched it from the side, to 1/240 s."""
        return self._contact_steps / PHYSICS_HZ

    def close(self) -> None:
        """Throw its physics away."""
        self._physics.close()

    @property
    def true_pose(self) -> tuple[float, float, float]:
        """x, y, yaw in the world (privileged: metrics only)."""
        T = self._T_world_robot()
        return float(T[0, 3]), float(T[1, 3]), self._yaw

    def _substep(self, gains: NDArray[np.float64]) -> bool:
        while self._commands and self._commands[0][0] <= self._steps:
            self._wanted = self._commands.popleft()[1]
        silent = self._steps - self._heard > self._spec.command_timeout_s * PHYSICS_HZ
        self._speed = self._slewed(STANDSTILL if silent else self._wanted)
        if self._touching:  # the reflex of the base itself: never push
            self._speed = Twist(min(0.0, self._speed.forward), self._speed.turn)
        sideways = 0.5 * self._spec.wheel_base_m * self._speed.turn
        left, right = gains * (self._speed.forward - sideways, self._speed.forward + sideways)
        self._vehicle.roll(float(left), float(right))
        self._physics.step()
        self._steps += 1
        self._touching = self._vehicle.bumps()
        return self._touching

    def _slewed(self, wanted: Twist) -> Twist:
        forward = _towards(
            self._speed.forward, wanted.forward, self.limits.forward, self.acceleration.forward
        )
        turn = _towards(self._speed.turn, wanted.turn, self.limits.turn, self.acceleration.turn)
        return Twist(forward, turn)

    def _measure(self) -> None:
        T = self._T_world_robot()
        if T[2, 2] < _UPRIGHT or abs(T[2, 3] - self._floor_z) > 1.0:
            raise RobotError(
                f"the robot fell over at x {T[0, 3]:.2f} m, y {T[1, 3]:.2f} m: the scene's floor has a "
                "step or an edge there; start elsewhere (--seed), or mend the mesh"
            )
        yaw, rolled = float(np.arctan2(T[1, 0], T[0, 0])), float(np.mean(self._vehicle.rolled()))
        turned = (yaw - self._yaw + np.pi) % (2 * np.pi) - np.pi
        self._reckoning.update(self.now(), rolled - self._rolled, turned)
        self._yaw, self._rolled = yaw, rolled

    def _look(self) -> CameraFrame:
        T_world_camera = self._T_world_robot()
        T_world_camera[:3, 3] += self.camera.height_m * T_world_camera[:3, 2]
        T_world_camera[:3, :3] = T_world_camera[:3, :3] @ _MOUNT
        rgb, depth = self._sensor.render(T_world_camera[None].astype(np.float32))
        noise = self._camera_noise
        return CameraFrame(self.now(), noise.disturb_rgb(rgb[0]), noise.disturb_depth(depth[0]))

    def _T_world_robot(self) -> NDArray[np.float64]:
        pose = self._vehicle.pose()
        T = np.eye(4)
        T[:3, :3] = Rotation.from_quat(pose.orientation).as_matrix()
        T[:3, 3] = pose.position
        return T


def _towards(speed: float, wanted: float, limit: float, acceleration: float) -> float:
    """The next speed on the way to the wanted one."""
    change = acceleration / PHYSICS_HZ
    return speed + float(np.clip(np.clip(wanted, -limit, limit) - speed, -change, change))

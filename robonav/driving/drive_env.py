"""The Gymnasium environment `robonav/Drive-v0`: velocities drive a simulated robot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.driving.driver import VELOCITY_S
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.physics import AUTO, engine_of
from robonav.envs.robots.placement import robot_start
from robonav.envs.robots.robot import STANDSTILL, CameraFrame, RobotError, Twist
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.robots.spec import NO_NOISE, ROBOTS, Noise
from robonav.envs.scenes import SceneSet, open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames, motion_between
from robonav.errors import UsageError
from robonav.rewards.curiosity import ReconstructionCuriosity
from robonav.rewards.on_frames import FrameReward

Observation = dict[str, NDArray[Any]]
REACH_M = 4.0  # as in the presets
_ROOM = 2.0  # a wheel that slips, or is pushed, turns faster than its robot may


def curiosity(camera: Camera) -> FrameReward:
    """The presets' reward for one robot: surface within 4 m that is new to the reconstruction."""
    return ReconstructionCuriosity(1, camera, reach_m=REACH_M)


class DriveEnv(gymnasium.Env[Observation, NDArray[np.float32]]):
    """One simulated robot; an action is a forward (m/s) and a turning (rad/s) speed, held for 0.2 s.

    The observation is what the robot has: `rgb` (H, W, 3) uint8, `previous_action` (2,) and the `twist` (2,)
    that encoders and gyro measure, both in m/s and rad/s, float32. The reward is that of `robonav train`,
    from true pose and depth, which the policy is not given. `info["contact_s"]` tells for how long of the
    0.2 s something touched the robot from the side. The time limit truncates; a robot that falls over
    terminates, and `info["fell"]` says where.

    Args:
        scenes: A scene set, or what `open_scenes` takes.
        split: Which part of a data set that has splits.
        robot: "turtlebot" or "husky".
        noise: Whether wheels slip, odometry drifts and the camera is noisy; the drawn constants change with
            every episode.
        camera: The robot's camera; default 64 x 64 pixels.
        max_episode_steps: Of 0.2 s each.
        render_mode: None or "rgb_array".
        reward: Makes the reward of the frames; called once, with the camera.
        threads: Threads for ray casting; 0 = all cores.
        physics: The engine, "mujoco", "pybullet" or "auto": MuJoCo where it is installed, else PyBullet.

    Raises:
        UsageError: There is no such robot.
        SceneError: There is no such scene.
        RobotError: The physics engine is unknown or missing, or the robot fits nowhere in a scene.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / VELOCITY_S)}  # noqa: RUF012

    def __init__(
        self,
        scenes: str | SceneSet = "procedural",
        split: str = "train",
        robot: str = "turtlebot",
        noise: bool = True,
        camera: Camera | None = None,
        max_episode_steps: int = 512,
        render_mode: str | None = None,
        reward: Callable[[Camera], FrameReward] = curiosity,
        threads: int = 0,
        physics: str = AUTO,
    ) -> None:
        if robot not in ROBOTS:
            raise UsageError(f"robot is {robot!r}: give one of {', '.join(ROBOTS)}")
        self._scenes = open_scenes(scenes, split) if isinstance(scenes, str) else scenes
        self._simulator = NavigationSimulator(self._scenes, 1, camera, threads)
        self._physics = engine_of(physics)
        self._spec, self._noise = ROBOTS[robot], Noise() if noise else NO_NOISE
        self._limit, self.render_mode = max_episode_steps, render_mode
        self._reward = reward(self._simulator.camera)
        self._robot: SimulatedRobot | None = None
        top = np.array([self._spec.limits.forward, self._spec.limits.turn], np.float32)
        shape = (self._simulator.camera.height, self._simulator.camera.width, 3)
        self._speeds, self._twists = spaces.Box(-top, top), spaces.Box(-_ROOM * top, _ROOM * top)
        self.action_space = self._speeds
        rgb = spaces.Box(0, 255, shape, np.uint8)
        self.observation_space = cast(
            "gymnasium.Space[Observation]",
            spaces.Dict(rgb=rgb, previous_action=self._speeds, twist=self._twists),
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Put the robot into a scene, at rest; a seed fixes all later scenes, starts and noise."""
        super().reset(seed=seed)
        self._put_down()
        self._reward.reset()
        self._steps, self._told = 0, np.zeros(2, np.float32)
        self._hold(STANDSTILL)
        self._before = np.array([self.robot.true_pose])
        self._reward.update(self._true_frames(0.0))
        return self._observation(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Hold a velocity (2,), clipped to the robot's limits, for 0.2 s.

        Raises:
            ValueError: The action is not finite.
        """
        if not np.isfinite(action).all():
            raise ValueError(f"the action is {action}: expected two finite numbers, m/s and rad/s")
        self._told = np.clip(action, self._speeds.low, self._speeds.high).astype(np.float32)
        self._steps += 1
        out_of_time = self._steps >= self._limit
        try:
            contact_s = self._hold(Twist(*self._told.tolist()))
        except RobotError as fall:
            return self._observation(), 0.0, True, False, {"contact_s": 0.0, "fell": str(fall)}
        frames = self._true_frames(contact_s)
        reward = float(self._reward.compute(frames)[0])
        self._reward.update(frames)
        return self._observation(), reward, False, out_of_time, {"contact_s": contact_s}

    def render(self) -> NDArray[np.uint8] | None:
        """The camera image (H, W, 3) uint8."""
        return self._frame.rgb if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Release robot and scenes."""
        if self._robot is not None:
            self._robot.close()
            self._robot = None
        self._simulator.close()

    @property
    def robot(self) -> SimulatedRobot:
        """The robot of this episode (privileged).

        Raises:
            RuntimeError: `reset` was not called yet.
        """
        if self._robot is None:
            raise RuntimeError("there is no robot yet: call reset() first")
        return self._robot

    @property
    def _frame(self) -> CameraFrame:
        frame = self.robot.frame()
        assert frame is not None  # the first tick makes one
        return frame

    def _put_down(self) -> None:
        ids = self._scenes.scene_ids
        scene_id, seed = ids[int(self.np_random.integers(len(ids)))], int(self.np_random.integers(2**31))
        self._world = self._simulator.load(scene_id)
        start = robot_start(self._world, self._spec, seed)
        if self._robot is not None:
            self._robot.close()
        self._robot = SimulatedRobot(self._world, self._spec, start, self._noise, seed, self._physics)

    def _hold(self, twist: Twist) -> float:
        """Command a velocity for 0.2 s; returns the time in contact, seconds."""
        contact_s = 0.0
        for _ in range(round(VELOCITY_S / self.robot.period_s)):
            self.robot.cmd_vel(twist)
            self.robot.tick()
            contact_s += self.robot.contact_s()
        return contact_s

    def _observation(self) -> Observation:
        measured = self.robot.odometry().twist
        twist = np.array([measured.forward, measured.turn], np.float32)
        return {
            "rgb": self._frame.rgb,
            "previous_action": self._told.copy(),
            "twist": np.clip(twist, self._twists.low, self._twists.high),
        }

    def _true_frames(self, contact_s: float) -> Frames:
        """Frames of an upright camera without noise at the robot's true pose, for the reward alone."""
        x, y, yaw = self.robot.true_pose
        position = np.array([[x, y, self._world.free_space.floor_z]], np.float32)
        heading = np.array([yaw], np.float32)
        pose = self._simulator.camera.poses(position, heading)
        rgb, depth = self._world.sensor.render(pose)
        here = np.array([[x, y, yaw]])
        motion, self._before = motion_between(self._before, here), here
        return Frames(rgb, depth, pose, position, heading, np.array([contact_s > 0]), motion)

"""Safety stops: missing or black frames, invalid commands, and commands without effect."""

from __future__ import annotations

import math

from robonav.driving.arc import Action, Arc
from robonav.envs.navigation.steps import NUM_ACTIONS
from robonav.envs.robots.robot import CameraFrame, Odometry, Twist
from robonav.errors import UsageError

FRAME_TIMEOUT_S = 2.0
BLACK = 4.0  # mean grey level below which an image shows nothing


class SafetyStopError(UsageError):
    """The drive cannot go on safely; the message names the cause."""


def check_age(frame: CameraFrame | None, now_s: float) -> None:
    """Stop where the camera has been silent for too long.

    Raises:
        SafetyStopError: The latest frame is more than 2 s old.
    """
    silent = now_s if frame is None else now_s - frame.stamp_s
    if silent > FRAME_TIMEOUT_S:
        raise SafetyStopError(f"no camera frame for {silent:.1f} s: check the camera and its connection")


def is_black(frame: CameraFrame) -> bool:
    """Whether an image is black, as with a lens cap on or a failed exposure."""
    return float(frame.rgb.mean()) < BLACK


def check_command(decision: Action) -> None:
    """Stop where the pilot gives an invalid command.

    Raises:
        SafetyStopError: A velocity is not finite, an arc turns too far, or a step is none of the three.
    """
    if isinstance(decision, Twist):
        if not (math.isfinite(decision.forward) and math.isfinite(decision.turn)):
            raise SafetyStopError(
                f"the pilot asked for {decision.forward} m/s and {decision.turn} rad/s: not a finite velocity"
            )
    elif isinstance(decision, Arc):
        if not (math.isfinite(decision.length_m) and abs(decision.turn_rad) <= math.pi / 2):
            raise SafetyStopError(
                f"the pilot asked for an arc of {decision.length_m} m and {decision.turn_rad} rad: expected "
                "a finite length, and at most a right angle"
            )
    elif not 0 <= decision < NUM_ACTIONS:
        raise SafetyStopError(f"the pilot asked for step {decision}: expected 0 forward, 1 left or 2 right")


def no_effect(asked: Twist, here: Odometry) -> SafetyStopError:
    """The stop for a robot that does not move as commanded."""
    return SafetyStopError(
        f"the robot does not move as commanded: asked for {asked.forward:.2f} m/s, {asked.turn:.2f} rad/s, "
        f"measured {here.twist.forward:.2f} m/s, {here.twist.turn:.2f} rad/s; a wheel may be stuck"
    )

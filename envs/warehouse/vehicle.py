"""Vehicles: their outline, limits, load and scanner, as dataclasses and in YAML."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from robonav.envs.robots.robot import RobotError

Outline = tuple[tuple[float, float], ...]
_MOST_BYTES = 100_000
_POSITIVE = (
    "height_m",
    "max_speed",
    "max_turn",
    "max_acceleration",
    "max_turn_acceleration",
    "wheelbase_m",
    "max_steering",
    "max_steering_rate",
    "mass_kg",
)


def rectangle(front: float, back: float, width: float) -> Outline:
    """A footprint from `back` behind the reference point to `front` before it, metres."""
    half = width / 2
    return ((front, half), (-back, half), (-back, -half), (front, -half))


@dataclass(frozen=True)
class Scanner:
    """A planar laser scanner.

    Attributes:
        rays: Number of distances in a scan, counter-clockwise from the right edge of the field of view.
        fov_deg: Field of view, degrees, centred ahead.
        range_m: Largest distance.
        x: Before the reference point, metres.
        height_m: Above the floor.
        noise_m: Standard deviation of a distance.
        dropout: Share of rays that see nothing.
    """

    rays: int = 72
    fov_deg: float = 360.0
    range_m: float = 8.0
    x: float = 0.0
    height_m: float = 0.5
    noise_m: float = 0.01
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no scanner is.

        Raises:
            RobotError: A value is out of range.
        """
        if not 1 <= self.rays <= 2048 or not 0 < self.fov_deg <= 360 or not 0.1 <= self.range_m <= 100:
            raise RobotError(
                f"a scanner of {self.rays} rays, {self.fov_deg} degrees, {self.range_m} m: expected 1 to "
                "2048 rays, up to 360 degrees, 0.1 to 100 m"
            )
        if not 0 <= self.dropout < 1 or not 0 <= self.noise_m < 1:
            raise RobotError(f"a scanner of noise {self.noise_m} m, dropout {self.dropout}: expected 0 to 1")

    def angles(self) -> NDArray[np.float32]:
        """Directions (R,) of the rays against the vehicle's front, radians, counter-clockwise."""
        fov = math.radians(self.fov_deg)
        step = fov / self.rays if self.fov_deg == 360 else fov / max(self.rays - 1, 1)
        return (-fov / 2 + step * np.arange(self.rays)).astype(np.float32)


@dataclass(frozen=True)
class VehicleSpec:
    """A vehicle; lengths in metres, angles in radians, seconds, kilograms.

    The reference point is the middle between the driven wheels of a differential drive, and the middle of
    the fixed rear axle of a tricycle (REP 103: x ahead, y left).

    Attributes:
        name: By which users choose it.
        drive: "differential" takes forward speed and turn rate, "tricycle" forward speed and steering angle.
        footprint: Corners, counter-clockwise, as Nav2's `footprint`.
        loaded_footprint: The same with load; empty = as without.
        height_m: Of the vehicle.
        loaded_height_m: With load.
        max_speed: Forward, m/s.
        max_reverse: Backward, m/s.
        max_turn: Turn rate of a differential drive, rad/s.
        max_acceleration: m/s².
        max_turn_acceleration: rad/s².
        wheelbase_m: From the rear axle of a tricycle to its steered wheel.
        max_steering: Steering angle of a tricycle.
        max_steering_rate: rad/s.
        latency_s: From a command to when motors follow it, up to one decision of 0.1 s.
        mass_kg: Without load.
        payload_kg: Largest load.
        idle_w: Power that electronics take, W.
        scanner: Its laser scanner.
    """

    name: str
    drive: Literal["differential", "tricycle"] = "differential"
    footprint: Outline = ((0.45, 0.3), (-0.45, 0.3), (-0.45, -0.3), (0.45, -0.3))
    loaded_footprint: Outline = ()
    height_m: float = 1.2
    loaded_height_m: float = 1.6
    max_speed: float = 1.2
    max_reverse: float = 0.2
    max_turn: float = 1.0
    max_acceleration: float = 0.8
    max_turn_acceleration: float = 2.0
    wheelbase_m: float = 1.3
    max_steering: float = math.radians(75)
    max_steering_rate: float = 0.8
    latency_s: float = 0.1
    mass_kg: float = 150.0
    payload_kg: float = 200.0
    idle_w: float = 50.0
    scanner: Scanner = field(default_factory=Scanner)

    def __post_init__(self) -> None:
        """Refuse what cannot drive.

        Raises:
            RobotError: A limit is not positive, or a footprint is no polygon around the reference point.
        """
        if self.drive not in ("differential", "tricycle"):
            raise RobotError(f"vehicle {self.name}: drive {self.drive!r}, expected differential or tricycle")
        for name in _POSITIVE:
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
                raise RobotError(f"vehicle {self.name} has {name} {value!r}: expected a number above 0")
        if not 0 <= self.latency_s <= 0.1:
            raise RobotError(f"vehicle {self.name} has latency_s {self.latency_s}: expected 0 to 0.1")
        for outline in (self.footprint, self.loaded_footprint or self.footprint):
            corners = np.asarray(outline, float)
            if (
                corners.ndim != 2
                or corners.shape[1:] != (2,)
                or len(corners) < 3
                or not np.isfinite(corners).all()
            ):
                raise RobotError(f"vehicle {self.name} has footprint {outline}: expected 3 or more [x, y]")

    @property
    def outline(self) -> NDArray[np.float64]:
        """Footprint (K, 2) without load."""
        return np.asarray(self.footprint, float)

    @property
    def loaded_outline(self) -> NDArray[np.float64]:
        """Footprint (K, 2) with load."""
        return np.asarray(self.loaded_footprint or self.footprint, float)

    def inscribed_m(self) -> float:
        """Radius of the largest circle around the reference point within the footprint, metres."""
        corners = self.outline
        along = np.roll(corners, -1, 0) - corners
        cross = along[:, 0] * -corners[:, 1] + along[:, 1] * corners[:, 0]
        return max(0.0, float((cross / np.hypot(*along.T)).min()))


def outline_points(corners: NDArray[np.floating], spacing_m: float = 0.05) -> NDArray[np.float32]:
    """Points (P, 2) along the edges of a polygon (K, 2), at most `spacing_m` apart, corners included."""
    points = []
    for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):
        steps = max(1, math.ceil(float(np.hypot(*(b - a))) / spacing_m))
        points.append(a + (b - a) * np.arange(steps)[:, None] / steps)
    return np.concatenate(points).astype(np.float32)


AMR = VehicleSpec("amr")
UNDERRIDE = VehicleSpec(
    "underride",
    footprint=rectangle(0.5, 0.5, 0.7),
    height_m=0.3,
    loaded_height_m=1.6,
    payload_kg=600.0,
    loaded_footprint=rectangle(0.65, 0.65, 0.9),
    scanner=Scanner(height_m=0.15),
)
FORKLIFT = VehicleSpec(
    "forklift",
    drive="tricycle",
    footprint=rectangle(1.6, 0.4, 0.9),
    loaded_footprint=(
        (1.6, 0.45),
        (-0.4, 0.45),
        (-0.4, 0.5),
        (-1.3, 0.5),
        (-1.3, -0.5),
        (-0.4, -0.5),
        (-0.4, -0.45),
        (1.6, -0.45),
    ),
    height_m=2.0,
    loaded_height_m=2.0,
    max_speed=1.5,
    max_reverse=0.5,
    max_acceleration=0.5,
    mass_kg=1200.0,
    payload_kg=1000.0,
    idle_w=150.0,
    scanner=Scanner(x=1.5, height_m=0.5),
)
VEHICLES = {vehicle.name: vehicle for vehicle in (AMR, UNDERRIDE, FORKLIFT)}


def load_vehicle(name_or_file: str) -> VehicleSpec:
    """A vehicle that comes with robonav, or one from a YAML file with the fields of `VehicleSpec`.

    Raises:
        RobotError: There is none of that name, or the file is damaged or has an unknown field.
    """
    if name_or_file in VEHICLES:
        return VEHICLES[name_or_file]
    path = Path(name_or_file)
    if path.suffix.lower() not in (".yaml", ".yml"):
        near = get_close_matches(name_or_file, VEHICLES, 1)
        hint = f"perhaps you meant {near[0]}; " if near else ""
        raise RobotError(
            f"there is no vehicle {name_or_file!r}: {hint}choose {', '.join(VEHICLES)} or a .yaml file"
        )
    return _from_yaml(path)


def _from_yaml(path: Path) -> VehicleSpec:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has {path.stat().st_size:,} bytes")
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(given, dict):
            raise ValueError("it holds no fields")
        scanner = Scanner(**_known(given.pop("scanner", {}) or {}, Scanner))
        outlines = {
            key: tuple((float(x), float(y)) for x, y in given.pop(key))
            for key in ("footprint", "loaded_footprint")
            if key in given
        }
        return VehicleSpec(
            **{"name": path.stem, **_known(given, VehicleSpec), **outlines, "scanner": scanner}
        )
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise RobotError(
            f"{path} is no vehicle ({reason}): expected fields such as max_speed: 1.2"
        ) from error


def _known(given: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            raise ValueError(f"it has no field {name!r}" + (f", perhaps {near[0]}" if near else ""))
    return given

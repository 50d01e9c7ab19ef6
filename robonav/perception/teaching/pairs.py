"""Pairs of a frame and a goal picture with their true relation, for teaching the goal finder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.navigation.tasks.image_goal import OPEN_M, POINT_STRIDE, POINTS_WITHIN_M
from robonav.envs.sensors.camera import Camera
from robonav.perception.predictor import COLUMNS, OccupancyPredictor
from robonav.perception.teaching.views import MOST_NOISE, seen_from

FRAMES_PER_PICTURE = 3
_CANDIDATES = 3  # views of which one becomes a picture: those that show little but a wall seldom do
_PLACES = 400  # of a world, between which pairs are chosen
_FARTHEST_M = 4.5  # between a picture and the frames that are meant to show some of it
_HIDDEN = 0.04, 0.12  # share of depth, and metres, by which a point lies behind what is seen there


@dataclass(frozen=True, eq=False)
class PicturePairs:
    """Views of one scene, P pairs of them, and the targets of these.

    Attributes:
        frames: (V, 3, 64, 64) uint8.
        pictures: (G, 3, 64, 64) uint8.
        frame_features: (V, F) what the predictor says of the frames.
        picture_features: (G, F) of the pictures.
        pairs: (P, 2) int64, which frame and which picture.
        share: (P,) float32, how much of the picture's points the frame shows, 0 ... 1.
        place: (P, 2) float32, where the picture was taken: metres ahead of the frame and to its left.
        turn: (P,) float32, by how much it was turned to the left of it, radians.
    """

    frames: Tensor
    pictures: Tensor
    frame_features: Tensor
    picture_features: Tensor
    pairs: Tensor
    share: Tensor
    place: Tensor
    turn: Tensor


def render_pairs(
    world: LoadedScene, camera: Camera, count: int, predictor: OccupancyPredictor, rng: np.random.Generator
) -> PicturePairs:
    """`count` frames, a third as many pictures, and two pairs a frame.

    One is with a picture that the frame shows something of, mostly, the other with any other picture.
    Frames stand up to 4.5 m from their pictures; half of them look about as these do, a quarter at what these
    show, a quarter anywhere.
    """
    places = world.free_space.sample(rng, _PLACES)
    islands = world.free_space.island_at(places)
    wanted = max(2, count // FRAMES_PER_PICTURE)
    at, yaw = rng.choice(_PLACES, _CANDIDATES * wanted), rng.uniform(-np.pi, np.pi, _CANDIDATES * wanted)
    pictures, depth = seen_from(world, camera, places[at], yaw)
    is_wall = np.median(depth.reshape(len(depth), -1), axis=1) < OPEN_M
    chosen = np.argsort(is_wall, kind="stable")[:wanted]
    at, yaw, pictures, depth = at[chosen], yaw[chosen], pictures[chosen], depth[chosen]
    picture_of = np.arange(count) * wanted // count
    stand = np.array([_place_near(places, islands, at[p], rng) for p in picture_of])
    look = np.array(
        [_look_at(places[at[p]], yaw[p], places[s], rng) for p, s in zip(picture_of, stand, strict=True)]
    )
    frames, frame_depth = seen_from(world, camera, places[stand], look)
    others = (picture_of + rng.integers(1, wanted, count)) % wanted
    pairs = np.concatenate([np.stack([np.arange(count), p], axis=1) for p in (picture_of, others)])
    frame, picture = pairs.T
    away = _turned(places[at[picture]] - places[stand[frame]], -look[frame])
    turn = (yaw[picture] - look[frame] + np.pi) % (2 * np.pi) - np.pi
    share = _shown_share(camera, depth[picture], frame_depth[frame], away, turn)
    shown, taken = torch.from_numpy(frames), torch.from_numpy(pictures)
    with torch.no_grad():
        features = predictor(shown), predictor(taken)
    facts = (torch.from_numpy(fact.astype(np.float32)) for fact in (share, away, turn))
    return PicturePairs(shown, taken, *features, torch.from_numpy(pairs), *facts)


def _place_near(
    places: NDArray[np.floating], islands: NDArray[np.integer], picture: int, rng: np.random.Generator
) -> int:
    """One of the places (N, 2) that can be reached from a picture and is at most so far away."""
    distance = np.linalg.norm(places - places[picture], axis=1)
    near = (distance < rng.uniform(1.0, _FARTHEST_M)) & (islands == islands[picture])
    return int(rng.choice(np.flatnonzero(near)))


def _look_at(
    picture: NDArray[np.floating], yaw: float, stand: NDArray[np.floating], rng: np.random.Generator
) -> float:
    """A heading for a frame from `stand` (2,), mostly one that shows something of a picture."""
    kind = rng.random()
    if kind < 0.5:
        heading = yaw + rng.normal(0.0, 0.6)
    elif kind < 0.75:
        shown = picture + rng.uniform(1.0, 3.0) * np.array([np.cos(yaw), np.sin(yaw)]) - stand
        heading = np.arctan2(shown[1], shown[0]) + rng.normal(0.0, 0.4)
    else:
        heading = rng.uniform(-np.pi, np.pi)
    return float(heading)


def _turned(points: NDArray[np.floating], angle: NDArray[np.floating]) -> NDArray[np.floating]:
    """Points (..., 2), turned to the left by angles that broadcast to (...)."""
    c, s = np.cos(angle), np.sin(angle)
    x, y = points[..., 0], points[..., 1]
    return np.stack([c * x - s * y, s * x + c * y], axis=-1)


def _shown_share(
    camera: Camera,
    picture_depth: NDArray[np.floating],
    frame_depth: NDArray[np.floating],
    place: NDArray[np.floating],
    turn: NDArray[np.floating],
) -> NDArray[np.floating]:
    """Share (P,) of the points of pictures (P, H, W) that frames (P, H, W) show: in view, and not behind."""
    step = slice(POINT_STRIDE // 2, None, POINT_STRIDE)
    depth = picture_depth[:, step, step].reshape(len(picture_depth), -1)
    right, down, _ = (camera.directions()[step, step].reshape(-1, 3) * depth[..., None]).transpose(2, 0, 1)
    points = _turned(np.stack([depth, -right], axis=-1), turn[:, None]) + place[:, None]
    ahead, left = points[..., 0], points[..., 1]
    scale = camera.focal / np.maximum(ahead, 1e-6)
    column = np.floor(camera.width / 2 - left * scale).astype(int)
    row = np.floor(camera.height / 2 + down * scale).astype(int)
    framed = (ahead > 0.05) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    pair = np.arange(len(depth))[:, None]
    surface = frame_depth[pair, row.clip(0, camera.height - 1), column.clip(0, camera.width - 1)]
    share, metres = _HIDDEN
    is_hidden = (surface > 0) & (ahead > surface * (1.0 + share) + metres)
    counts = (depth > 0) & (depth <= POINTS_WITHIN_M)
    shown: NDArray[np.floating] = (counts & framed & ~is_hidden).sum(axis=1) / np.maximum(
        counts.sum(axis=1), 1
    )
    return shown


def vary(pairs: PicturePairs, generator: torch.Generator) -> PicturePairs:
    """The pairs as float in other light, a little other exposure each, noisy; half of the times mirrored."""
    light = torch.exp(0.5 * torch.randn(1, generator=generator)).clamp(0.4, 2.0)
    tint = 0.85 + 0.3 * torch.rand(3, 1, 1, generator=generator)
    mirrored = bool(torch.rand(1, generator=generator) < 0.5)

    def shown(rgb: Tensor) -> Tensor:
        exposure = torch.exp(0.07 * torch.randn(len(rgb), 1, 1, 1, generator=generator))
        noisy = MOST_NOISE * torch.rand(len(rgb), 1, 1, 1, generator=generator)
        noise = noisy * torch.randn(rgb.shape, generator=generator)
        varied = (rgb.float() * (light * exposure) * tint + noise).clamp(0.0, 255.0)
        return varied.flip(-1) if mirrored else varied

    def told(features: Tensor) -> Tensor:
        return features.unflatten(-1, (-1, COLUMNS)).flip(-1).flatten(1) if mirrored else features

    to_the_left = -1.0 if mirrored else 1.0
    return PicturePairs(
        shown(pairs.frames),
        shown(pairs.pictures),
        told(pairs.frame_features),
        told(pairs.picture_features),
        pairs.pairs,
        pairs.share,
        pairs.place * pairs.place.new_tensor([1.0, to_the_left]),
        pairs.turn * to_the_left,
    )

"""Videos of an episode: the map from above beside the camera image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from robonav.errors import UsageError
from robonav.evaluation.top_down_map import CELL_M, OUTSIDE
from robonav.viewer.episode_files import EpisodeFile
from robonav.viewer.episode_map import EpisodeMap
from robonav.viewer.floor_plan import plan_image
from robonav.viewer.replay import Recording

SIDE = 256  # pixels: height of the picture, and width of the camera's part
CAPTION = 16
FRAMES_PER_S = 10
GIF_COLOURS = 64
MARGIN_M = 0.5
_PATH, _ROBOT, _INK = (217, 48, 37), (66, 133, 244), (30, 30, 30)


class Frame:
    """Draws the pictures of one episode, all of one size.

    Args:
        recording: The episode.

    Attributes:
        size: Width and height of every picture, pixels; even, as video encoders want it.
    """

    def __init__(self, recording: Recording) -> None:
        picture = recording.picture
        used = np.argwhere(picture.cells != OUTSIDE)
        self._low = picture.origin_xy + used.min(axis=0) * CELL_M - MARGIN_M
        self._cells = np.ptp(used, axis=0) + 1 + round(2 * MARGIN_M / CELL_M)
        self._scale = SIDE / max(self._cells)
        self._plan_size = (round(self._cells[0] * self._scale), round(self._cells[1] * self._scale))
        self._curve = recording.curve
        self.size = (2 * ((self._plan_size[0] + SIDE + 1) // 2), SIDE + CAPTION)

    def draw(self, episode: EpisodeMap) -> Image.Image:
        """The plan on the left, x to the right and y up; the camera on the right; numbers below."""
        whole = Image.new("RGB", self.size, "white")
        whole.paste(self._plan(episode), (0, 0))
        camera = Image.fromarray(episode.frames.rgb[0])
        scale = SIDE / max(camera.size)
        camera = camera.resize((round(camera.width * scale), round(camera.height * scale)))
        whole.paste(camera, (self._plan_size[0], 0))
        ImageDraw.Draw(whole).text((4, SIDE + 2), self._caption(episode), fill=_INK)
        return whole

    def _plan(self, episode: EpisodeMap) -> Image.Image:
        low = episode.grid.cell(self._low)
        image = Image.fromarray(plan_image(episode.grid, low, low + self._cells)[..., :3])
        image = image.resize(self._plan_size, Image.Resampling.NEAREST)
        draw = ImageDraw.Draw(image)
        poses = np.array(episode.poses)
        corner = episode.grid.origin_xy + low * CELL_M
        points = (poses[:, :2] - corner) / CELL_M * self._scale
        points[:, 1] = self._plan_size[1] - points[:, 1]
        draw.line([tuple(point) for point in points.tolist()], fill=_PATH, width=2)
        (x, y), yaw = points[-1].tolist(), poses[-1, 2]
        draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=_ROBOT)
        draw.line([x, y, x + 11 * np.cos(yaw), y - 11 * np.sin(yaw)], fill=_ROBOT, width=2)
        return image

    def _caption(self, episode: EpisodeMap) -> str:
        score = self._curve.until(episode.step).caption()
        return f"step {episode.step}   reward {sum(episode.rewards):.1f}   {score}"


class GifFile(EpisodeFile):
    """An animated GIF: opens everywhere, 64 colours.

    Args:
        recording: The episode.
        path: The file to write.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        self._path, self._frame = path, Frame(recording)
        self._images: list[Image.Image] = []

    def add(self, episode: EpisodeMap) -> None:
        """One picture."""
        self._images.append(self._frame.draw(episode).quantize(GIF_COLOURS, dither=Image.Dither.NONE))

    def finish(self) -> None:
        """Write all pictures; the last one is shown for two seconds."""
        times = [1000 // FRAMES_PER_S] * (len(self._images) - 1) + [2000]
        first, *rest = self._images
        first.save(self._path, format="GIF", save_all=True, append_images=rest, duration=times, loop=0)


class Mp4File(EpisodeFile):
    """H.264 video, encoded while the episode is replayed.

    Args:
        recording: The episode.
        path: The file to write.

    Raises:
        UsageError: imageio-ffmpeg is not installed.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        try:
            import imageio_ffmpeg
        except ImportError as error:
            raise UsageError(
                f"imageio-ffmpeg is missing ({error}): pip install 'robonav[video]', or take --format gif"
            ) from error
        self._frame = Frame(recording)
        self._encoder = imageio_ffmpeg.write_frames(
            str(path), self._frame.size, fps=FRAMES_PER_S, codec="libx264", quality=7, macro_block_size=2
        )
        self._encoder.send(None)

    def add(self, episode: EpisodeMap) -> None:
        """One picture."""
        self._encoder.send(self._frame.draw(episode).tobytes())

    def finish(self) -> None:
        """Flush the encoder."""
        self.close()

    def close(self) -> None:
        """Stop the encoder, which is another process."""
        self._encoder.close()

"""One habitat-sim in a process of its own.

habitat-sim allows one OpenGL context a process (facebookresearch/habitat-sim, issue 1292), and a failed
assertion ends its process.
"""

from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.scenes.scene import MeshSource, SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.habitat.server import Frames, StageFile, serve

_OPENING_S, _RENDERING_S, _CLOSING_S = 600.0, 120.0, 5.0
_REMEDY = "export HABITAT_SIM_LOG=debug MAGNUM_LOG=verbose and run again to see why, or use --sensor raycast"


class HabitatProcess:
    """A running simulator that shows one mesh file through one camera.

    Args:
        source: The mesh.
        camera: The pinhole camera of every frame.

    Raises:
        SceneError: habitat-sim cannot load the file, or ended.
    """

    def __init__(self, source: MeshSource, camera: Camera) -> None:
        self._path = source.path
        context = multiprocessing.get_context("spawn")  # a fork would inherit threads and contexts
        self._connection, theirs = context.Pipe()
        stage = StageFile(str(source.path), source.up, source.front, source.scale)
        self._process = context.Process(target=serve, args=(theirs, stage, camera), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self._answer(_OPENING_S)
        except BaseException:  # whatever interrupts the opening leaves no simulator behind
            self.close()
            raise

    def render(self, positions: NDArray[np.float64], rotations: NDArray[np.float64]) -> Frames:
        """RGB (N, H, W, 3) uint8 and z-depth (N, H, W) float32 in metres, 0 = no return.

        Args:
            positions: (N, 3) of the camera in Habitat's world, metres.
            rotations: (N, 4) quaternions x, y, z, w.

        Raises:
            SceneError: habitat-sim failed or ended.
        """
        try:
            self._connection.send((positions, rotations))
        except OSError as error:
            raise self._lost() from error
        frames: Frames = self._answer(_RENDERING_S * max(1, len(positions)))
        return frames

    def close(self) -> None:
        """End the process; a second time does nothing."""
        self._connection.close()
        self._process.join(_CLOSING_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _answer(self, timeout_s: float) -> Any:
        try:
            if not self._connection.poll(timeout_s):
                self._process.kill()
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if isinstance(answer, str):
            self.close()
            raise SceneError(f"{self._path}: habitat-sim cannot show it ({answer}); {_REMEDY}")
        return answer

    def _lost(self) -> SceneError:
        self.close()
        code = self._process.exitcode
        return SceneError(f"{self._path}: habitat-sim ended (exit code {code}) while showing it; {_REMEDY}")

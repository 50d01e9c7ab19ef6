"""KTX2 and .basis images (Basis Universal: HM3D's textures) as a Pillow format; needs the extra `basis`."""

from __future__ import annotations

from importlib.util import find_spec

from PIL import Image, ImageFile

_SIGNATURES = (b"\xabKTX 20\xbb\r\n\x1a\n", b"sB\x13\x00")


def register() -> bool:
    """Let Pillow open KTX2 and .basis images; False if the decoder is not installed."""
    if find_spec("opengl_basisu") is None:
        return False
    if BasisImage.format not in Image.OPEN:
        Image.register_open(BasisImage.format, BasisImage, lambda start: start.startswith(_SIGNATURES))
    return True


class BasisImage(ImageFile.ImageFile):
    """The largest level of a KTX2 or .basis image; it is decoded when its pixels are asked for."""

    format = "BASIS"
    format_description = "Basis Universal"

    def _open(self) -> None:
        import opengl_basisu

        assert self.fp is not None  # Pillow has opened it
        self._mode = "RGBA"
        self._finding = ""
        try:
            self._texture = opengl_basisu.open(self.fp.read())
            self._size = self._texture.level_size(0)
        except ValueError as error:  # reported when the image is decoded
            self._finding, self._size = str(error), (1, 1)

    def load(self) -> Image.core.PixelAccess | None:
        """Decode.

        Raises:
            OSError: The image is damaged, or holds no Basis texture.
        """
        if self._im is None:
            if self._finding:
                raise OSError(self._finding)
            try:
                pixels = self._texture.transcode("rgba8").data
            except ValueError as error:
                raise OSError(str(error)) from error
            upright = pixels[::-1] if self._texture.y_flipped else pixels
            self.im = Image.fromarray(upright.copy(), "RGBA").im
        return Image.Image.load(self)

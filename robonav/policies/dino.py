"""DINOv2 as the frozen eye of size `paper`: its weights come from a file, the policy learns how to read it.

Oquab et al. 2024; ReCuriosity gives it the 64 x 64 frame, enlarged to 224 x 224.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 64  # pixels of the image that is kept for learning
_PATCH, _PATCHES = 14, 16  # pixels of a patch; patches along an edge of the enlarged image
_COARSE = 32  # pixels of the patches that the policy looks at itself
_HEAD_DIM = 64  # in all sizes of DINOv2
_CHUNK = 64  # frames at a time: a batch of whole episodes would need gigabytes
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the images that it was taught with
# names in the files of Hugging Face's transformers, as DINOv2's own
_NAMES = (
    (r"^embeddings\.cls_token", "cls_token"),
    (r"^embeddings\.position_embeddings", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"^encoder\.layer\.", "blocks."),
    (r"attention\.output\.dense", "attn.proj"),
    (r"layer_scale(\d)\.lambda1", r"ls\1.gamma"),
    (r"^layernorm\.", "norm."),
)


@dataclass(frozen=True)
class DinoConfig:
    """Size of a DINOv2 with patches of 14 pixels; the default is ViT-B."""

    width: int = 768
    """Width of its tokens: 384 (S), 768 (B), 1024 (L)."""
    blocks: int = 12
    """Its transformer blocks."""

    def __post_init__(self) -> None:
        """Refuse sizes that there are not."""
        if not (0 < self.width <= 2048 and self.width % _HEAD_DIM == 0 and 0 < self.blocks <= 48):
            raise ValueError(f"no DINOv2 has {self.blocks} blocks of width {self.width}")

    @property
    def features(self) -> int:
        """Numbers that are kept of a frame: its pixels, because its tokens would take 16 times as much."""
        return 3 * SIDE**2


class DinoEye(nn.Module):
    """A frozen vision transformer; `dinov2_weights` makes its weights of DINOv2's."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: DinoConfig | None = None) -> None:
        super().__init__()
        self.config = config or DinoConfig()
        width = self.config.width
        self.patches = nn.Conv2d(3, width, _PATCH, stride=_PATCH)
        self.positions = nn.Parameter(torch.zeros(1 + _PATCHES**2, width))  # the first holds the class token
        layer = nn.TransformerEncoderLayer(
            width, width // _HEAD_DIM, 4 * width, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True
        )
        norm = nn.LayerNorm(width, eps=1e-6)
        self.blocks = nn.TransformerEncoder(layer, self.config.blocks, norm, enable_nested_tensor=False)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    def forward(self, rgb: Tensor, sweep: Tensor | None = None) -> Tensor:
        """Pixels (B, 3 * 64 * 64) in 0 ... 1 of images (B, 3, H, W) in 0 ... 255; DINOv2 knows no `sweep`."""
        image = rgb.float() / 255.0
        if image.shape[-2:] != (SIDE, SIDE):
            image = F.interpolate(image, (SIDE, SIDE), mode="area")
        return image.flatten(1)

    def scan(self, features: Tensor) -> Tensor:
        """Nothing (B, 0): DINOv2 was not taught ranges."""
        return features[:, :0]

    def tokens(self, features: Tensor) -> Tensor:
        """Class token and 256 patch tokens (B, 257, width) of pixels (B, F)."""
        with torch.no_grad():
            return torch.cat([self._tokens(chunk) for chunk in features.split(_CHUNK)])

    def _tokens(self, features: Tensor) -> Tensor:
        image = features.unflatten(1, (3, SIDE, SIDE))
        large = F.interpolate(image, (_PATCH * _PATCHES,) * 2, mode="bilinear", align_corners=False)
        patches = self.patches((large - self.mean) / self.std).flatten(2).transpose(1, 2)
        seen: Tensor = self.blocks(F.pad(patches, (0, 0, 1, 0)) + self.positions)
        return seen


class DinoView(nn.Module):
    """One token of a frame: a learned query that reads DINOv2's tokens and four coarse patches of the image.

    The token is what the query has become plus half the mean of the coarse patches, as in ReCuriosity.
    """

    def __init__(self, config: DinoConfig, width: int, blocks: int = 4) -> None:
        super().__init__()
        self.query = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.project = nn.Linear(config.width, width)
        self.patches = nn.Conv2d(3, width, _COARSE, stride=_COARSE)
        self.positions = nn.Parameter(0.02 * torch.randn((SIDE // _COARSE) ** 2, width))
        self.blocks = nn.ModuleList(_Reader(width) for _ in range(blocks))

    def forward(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Tokens (B, width) of pixels (B, F) and of what DINOv2 makes of them (B, 257, D)."""
        image = features.unflatten(1, (3, SIDE, SIDE)) - 0.5
        coarse = self.patches(image).flatten(2).transpose(1, 2) + self.positions
        page = torch.cat([self.project(tokens), coarse], dim=1)
        query = self.query.expand(len(features), 1, -1)
        for block in self.blocks:
            query = block(query, page)
        token: Tensor = query[:, 0] + 0.5 * coarse.mean(dim=1)
        return token


class _Reader(nn.Module):
    """Pre-norm cross-attention and MLP with residual connections."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_query, self.norm_page, self.norm_mlp = (nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, max(1, width // _HEAD_DIM), batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, query: Tensor, page: Tensor) -> Tensor:
        page = self.norm_page(page)
        query = query + self.attention(self.norm_query(query), page, page, need_weights=False)[0]
        result: Tensor = query + self.mlp(self.norm_mlp(query))
        return result


def dinov2_weights(saved: dict[str, Tensor]) -> tuple[DinoConfig, dict[str, Tensor]]:
    """Size and weights of a `DinoEye` from those of DINOv2, as its authors, timm or transformers name them.

    Layer scales are multiplied into the layers before them; positions are interpolated to 16 x 16 patches.

    Raises:
        KeyError: A weight is missing.
        ValueError: It is of another kind: other patches, registers, gated layers.
    """
    given = _own_names(saved)
    if strange := [name for name in given if re.search(r"register|reg_token|w12|weights_in", name)]:
        raise ValueError(f"it holds {strange[0]}, which plain ViT-S, B and L do not")
    width, blocks = given["cls_token"].shape[-1], sum(name.endswith("norm1.weight") for name in given)
    config = DinoConfig(width, blocks)
    weights = {
        "patches.weight": given["patch_embed.proj.weight"],
        "patches.bias": given["patch_embed.proj.bias"],
        "positions": _positions(given["cls_token"], given["pos_embed"]),
        "blocks.norm.weight": given["norm.weight"],
        "blocks.norm.bias": given["norm.bias"],
    }
    if weights["patches.weight"].shape != (width, 3, _PATCH, _PATCH):
        raise ValueError(f"its patches are {tuple(weights['patches.weight'].shape)}, not 14 x 14 pixels")
    for i in range(blocks):
        weights |= _block_weights(given, f"blocks.{i}.", f"blocks.layers.{i}.")
    return config, weights


def _own_names(saved: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names that DINOv2's authors gave them."""
    given = {}
    for name, tensor in saved.items():
        for pattern, own in _NAMES:
            name = re.sub(pattern, own, name)
        given[name] = tensor
    for name in [name for name in given if ".attention.attention.query." in name]:
        parts = [given[name.replace("query", part)] for part in ("query", "key", "value")]
        given[name.replace("attention.attention.query", "attn.qkv")] = torch.cat(parts)
    return given


def _positions(cls_token: Tensor, pos_embed: Tensor) -> Tensor:
    """(257, D) from positions (1, 1 + S * S, D): bicubic as DINOv2 does it, which adds 0.1 to the side."""
    side = round((pos_embed.shape[1] - 1) ** 0.5)
    grid = pos_embed[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2).float()
    if side != _PATCHES:
        grid = F.interpolate(grid, scale_factor=((_PATCHES + 0.1) / side,) * 2, mode="bicubic")
    return torch.cat([cls_token[0] + pos_embed[0, :1], grid.flatten(2)[0].T])


def _block_weights(given: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    weights = {}
    for kind in ("weight", "bias"):
        weights[f"{new}self_attn.in_proj_{kind}"] = given[f"{old}attn.qkv.{kind}"]
        for name in ("norm1", "norm2"):
            weights[f"{new}{name}.{kind}"] = given[f"{old}{name}.{kind}"]
        weights[f"{new}linear1.{kind}"] = given[f"{old}mlp.fc1.{kind}"]
        for name, before, scale in (
            ("self_attn.out_proj", "attn.proj", "ls1"),
            ("linear2", "mlp.fc2", "ls2"),
        ):
            layer, gamma = given[f"{old}{before}.{kind}"], given[f"{old}{scale}.gamma"]
            weights[f"{new}{name}.{kind}"] = layer * (gamma[:, None] if kind == "weight" else gamma)
    return weights

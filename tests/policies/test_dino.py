"""DINOv2 as an eye: the same tokens as its published formulas give, from files of any of its names."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from robonav.agents.checkpoint import load_policy
from robonav.errors import UsageError
from robonav.files import CheckpointError
from robonav.launch import cli
from robonav.launch.presets import load_preset
from robonav.perception.shipped import load_sight
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.dino import DinoConfig, DinoEye, dinov2_weights
from robonav.training.run import TrainingRun

WIDTH, BLOCKS, SIDE = 128, 2, 37


def weights_of_dinov2() -> dict[str, torch.Tensor]:
    """Random ones, under the names of DINOv2's authors and of timm."""
    torch.manual_seed(0)
    shapes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + SIDE**2, WIDTH),
        "mask_token": (1, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, 14, 14),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    layers = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH)}
    layers |= {"mlp.fc1": (4 * WIDTH, WIDTH), "mlp.fc2": (WIDTH, 4 * WIDTH)}
    for i in range(BLOCKS):
        for name, shape in layers.items():
            shapes |= {f"blocks.{i}.{name}.weight": shape, f"blocks.{i}.{name}.bias": shape[:1]}
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1.gamma", "ls2.gamma"):
            shapes[f"blocks.{i}.{name}"] = (WIDTH,)
    return {name: 0.1 * torch.randn(shape) for name, shape in shapes.items()}


def reference(w: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """A pre-norm vision transformer with layer scale, written out; image (3, 224, 224)."""

    def norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return centred / scale * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    patches = image.unfold(1, 14, 14).unfold(2, 14, 14).permute(1, 2, 0, 3, 4).reshape(256, -1)
    x = patches @ w["patch_embed.proj.weight"].reshape(WIDTH, -1).T + w["patch_embed.proj.bias"]
    grid = w["pos_embed"][0, 1:].reshape(SIDE, SIDE, WIDTH).permute(2, 0, 1)[None]
    grid = F.interpolate(grid, scale_factor=16.1 / SIDE, mode="bicubic")[0].flatten(1).T
    x = torch.cat([w["cls_token"][0] + w["pos_embed"][0, :1], x + grid])
    for i in range(BLOCKS):
        block = f"blocks.{i}."
        qkv = linear(norm(x, block + "norm1"), block + "attn.qkv")
        q, k, v = qkv.reshape(257, 3, -1, 64).permute(1, 2, 0, 3)
        attended = (torch.softmax(q @ k.transpose(1, 2) / 8.0, dim=-1) @ v).transpose(0, 1).flatten(1)
        x = x + w[block + "ls1.gamma"] * linear(attended, block + "attn.proj")
        hidden = F.gelu(linear(norm(x, block + "norm2"), block + "mlp.fc1"))
        x = x + w[block + "ls2.gamma"] * linear(hidden, block + "mlp.fc2")
    return norm(x, "norm")


def eye_of(weights: dict[str, torch.Tensor]) -> DinoEye:
    config, fitting = dinov2_weights(weights)
    eye = DinoEye(config)
    eye.load_state_dict(fitting)
    return eye.eval()


def test_its_tokens_are_those_of_the_written_out_formulas():
    weights, rgb = weights_of_dinov2(), torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    eye = eye_of(weights)
    assert eye.config == DinoConfig(WIDTH, BLOCKS)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    large = F.interpolate(rgb / 255.0, (224, 224), mode="bilinear")
    expected = torch.stack([reference(weights, (image - mean) / std) for image in large])
    torch.testing.assert_close(eye.tokens(eye(rgb)), expected, atol=1e-4, rtol=1e-4)


def in_words_of_transformers(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = {}
    for name, tensor in weights.items():
        for own, theirs in (
            ("mask_token", "embeddings.mask_token"),
            ("cls_token", "embeddings.cls_token"),
            ("pos_embed", "embeddings.position_embeddings"),
            ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
            ("blocks.", "encoder.layer."),
            ("attn.proj", "attention.output.dense"),
            ("ls1.gamma", "layer_scale1.lambda1"),
            ("ls2.gamma", "layer_scale2.lambda1"),
        ):
            name = name.replace(own, theirs)
        if name.startswith("norm."):
            name = f"layer{name}"
        if "attn.qkv" in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                renamed[name.replace("attn.qkv", f"attention.attention.{part}")] = piece.clone()
        else:
            renamed[name] = tensor
    return renamed


def test_files_of_transformers_hold_the_same_weights():
    saved = weights_of_dinov2()
    (config, own), (same, theirs) = dinov2_weights(saved), dinov2_weights(in_words_of_transformers(saved))
    assert config == same
    assert own.keys() == theirs.keys()
    assert all(torch.equal(own[name], theirs[name]) for name in own)


def test_positions_of_the_right_size_are_left_as_they_are():
    weights = weights_of_dinov2()
    weights["pos_embed"] = torch.randn(1, 257, WIDTH)
    positions = dinov2_weights(weights)[1]["positions"]
    torch.testing.assert_close(positions[1:], weights["pos_embed"][0, 1:])


def test_a_policy_learns_through_it_and_its_checkpoint_needs_no_other_file(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file(weights_of_dinov2(), file)
    paper = load_preset("paper")
    small = replace(paper.policy, width=32, blocks=2, heads=2, window=4, memory_every=1)
    few = {"steps": 16, "num_envs": 2, "episode_steps": 8, "device": "cpu", "threads": 1}
    run = TrainingRun(replace(paper, **few, policy=small, vision=str(file)), tmp_path / "run")
    before = {name: weight.clone() for name, weight in run.algorithm.policy.encoder.state_dict().items()}
    last = run.learn(progress_bar=False)
    file.unlink()
    policy, _ = load_policy(last)
    for name, weight in policy.encoder.state_dict().items():
        assert torch.equal(weight, before[name]) == name.startswith("eye."), name


@pytest.mark.parametrize("name", ["dinov2", "nowhere/model.safetensors"])
def test_without_weights_it_says_which_to_get_and_how_to_give_them(name, tmp_path, capsys):
    out = tmp_path / "run"
    assert cli.main(["train", "paper", "--vision", name, "--out", str(out)]) == 2
    told = capsys.readouterr().err
    assert "facebook/dinov2-base" in told
    assert "--vision model.safetensors" in told
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda w: w.pop("blocks.1.mlp.fc2.bias"), "fc2"),
        (lambda w: w.update({"register_tokens": torch.zeros(1, 4, WIDTH)}), "register_tokens"),
        (lambda w: w.update({"patch_embed.proj.weight": torch.zeros(WIDTH, 3, 16, 16)}), "16, 16"),
        (lambda w: w.update({"norm.bias": torch.zeros(3)}), "do not fit"),
        (lambda w: w.clear(), "cls_token"),
    ],
)
def test_files_of_something_else_are_refused_in_a_sentence(change, finding, tmp_path):
    weights = weights_of_dinov2()
    change(weights)
    save_file({**weights, "more": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=finding) as error:
        load_sight(str(tmp_path / "other.safetensors"))
    assert "\n" not in str(error.value)


def test_an_own_map_cannot_be_drawn_from_it():
    with pytest.raises(UsageError, match="no ranges"):
        SequencePolicyConfig(vision=DinoConfig())

"""ReCuriosity's size and schedule, as far as they are known; it needs DINOv2's weights. Not trained by us."""

from dataclasses import replace

from robonav.launch.presets.nano_rgb import PRESET as NANO_RGB
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.dino import DinoConfig

PRESET = replace(
    NANO_RGB,
    steps=100_000_000,
    episode_steps=1024,
    checkpoint_every=1_000_000,
    vision="dinov2",  # named by --vision
    policy=SequencePolicyConfig(
        width=768,
        blocks=24,
        heads=12,
        window=64,
        spatial=None,
        guidance=None,
        vision=DinoConfig(),
        qk_norm=True,
        rotary=False,
        memory_every=4,
        action_token="plucker",
    ),
    ppo=replace(
        NANO_RGB.ppo,
        sequences_per_batch=1,
        epochs=3,
        learning_rate=1e-5,
        final_learning_rate_share=1.0,
        entropy=0.1,
        final_entropy=0.001,
        schedule_steps=15_000_000,  # 0.99 an update of 32 episodes falls to the floor in so many steps
        gamma=0.995,
        gae_lambda=0.97,
        max_grad_norm=1.0,
    ),
)

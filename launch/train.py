"""`robonav train`: teach an agent to explore, or a task."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from robonav.errors import UsageError
from robonav.launch.mesh_options import MeshOptions
from robonav.launch.parsing import parsed
from robonav.launch.task_options import spelled_out, value_of, words_of

if TYPE_CHECKING:
    from robonav.training.config import TrainConfig

SHORT = {
    "--micro-batch": "--ppo.micro-batch",
    "--precision": "--ppo.precision",
    "--memory-frames": "--reward.memory-frames",
    "--voxel-size": "--reward.voxel-size",
    "--reach-m": "--reward.reach-m",
}
SWITCHES = ("--resume", "--view", "--help", "-h")


@dataclass(frozen=True)
class TrainCommand(MeshOptions):
    """Train an explorer by curiosity about what its map does not know yet, or fine-tune one for a task.

    The run folder gets config.json, metrics.jsonl, TensorBoard files and checkpoints; a run that was stopped
    at any moment goes on with --resume. `robonav train PRESET --help` shows every option with the preset's
    value. With --init, a policy learns at 0.15 of the preset's rate, so that it keeps what it knows.

    Examples:
        robonav train guided
        robonav train guided --scenes my_house.glb --steps 200000 --out runs/my_house
        robonav train guided --out runs/guided-0 --resume
        robonav train guided --ranks 2
        robonav train guided --reward rnd --ppo.intrinsic-gamma 0.99
        robonav train guided --ppo.learning-rate 3e-4 --policy.width 256
        robonav train guided-apples --init explorer --apples 3
        robonav train guided-image-goal --init runs/guided-0
    """

    preset: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="PRESET")]
    """Configuration to train: guided, recuriosity, a task (guided-apples, guided-image-goal,
    guided-sparse-goal), another file in launch/presets, a .py file of your own that defines PRESET, or the
    config.json of a run."""
    config: tyro.conf.Suppress[Any] = None
    ranks: int = 1
    """Processes that share the agents and learn as one would; no more than cores."""
    out: Path | None = None
    """Run folder; default runs/PRESET-SEED."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Continue the run in --out from its last checkpoint."""
    view: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Show the first agent in the browser, as its map grows."""

    @classmethod
    def parse(cls, args: Sequence[str], **options: Any) -> TrainCommand:
        """The command that the arguments ask for; every field of the preset is an option."""
        from robonav.launch.presets import preset_summaries
        from robonav.training.config import TrainConfig

        if "description" in options:
            lines = [f"    {name}: {about}" for name, about in preset_summaries().items()]
            options["description"] = "\n".join([options["description"], "", "Presets:", *lines])
        config = starting_config(args)
        args = [
            f"{SHORT.get(flag, flag)}{rest}" for flag, rest in map(_parts, spelled_out(args, config.task))
        ]
        every_field = Annotated[TrainConfig, tyro.conf.arg(name=""), tyro.conf.AvoidSubcommands]
        with_config = ("config", every_field, field(default_factory=lambda: config))
        command: type[TrainCommand] = make_dataclass(cls.__name__, [with_config], bases=(cls,), frozen=True)
        return parsed(command, args, **options)

    def run(self) -> None:
        """Train and say where the last checkpoint is."""
        config = replace(self.config, scenes=self.spec(self.config.scenes))
        out = self.out or Path("runs") / f"{_name(self.preset)}-{config.seed}"
        if self._train(config, out):
            self._tell(config, out)

    def _train(self, config: TrainConfig, out: Path) -> bool:
        """Train in one process or several; whether this one is to tell about it."""
        # Only now, because it takes seconds and the name of the preset may be wrong.
        from robonav.algorithms.ranks import ranks_of_torchrun
        from robonav.launch.ranks import train, train_on_ranks

        if self.ranks < 1:
            raise UsageError(f"ranks is {self.ranks}: give at least 1")
        if self.ranks > 1:
            train_on_ranks(self.ranks, config, out, self.resume, self.view)
            return True
        ranks = ranks_of_torchrun()
        train(config, out, self.resume, self.view, ranks)
        ranks.leave()
        return ranks.is_first

    def _tell(self, config: TrainConfig, out: Path) -> None:
        from robonav.files import find_checkpoint

        last = find_checkpoint(out)
        if config.world:
            print(f"last checkpoint: {last}\nevaluate it: robonav evaluate {shlex.quote(str(out))}")
            return
        options = "" if config.scenes == "procedural" else f" --scenes {shlex.quote(config.scenes)}"
        options += f" --task {config.task}" if config.task else ""
        options += "".join(f" {words}" for words in words_of(config.task_options))
        print(f"last checkpoint: {last}\nevaluate it: robonav evaluate {shlex.quote(str(out))}{options}")


def starting_config(args: Sequence[str]) -> TrainConfig:
    """The preset that the arguments name, before they change it, options of task and reward spelled out.

    Raises:
        UsageError: There is no such preset.
    """
    from robonav.envs.navigation.tasks import resolved, task_config
    from robonav.launch.presets import load_preset
    from robonav.rewards.registry import make_reward
    from robonav.training.fine_tuning import fine_tuning_rates

    preset = load_preset(preset_of(args) or "guided")
    if value_of(args, "--init"):
        preset = replace(preset, ppo=fine_tuning_rates(preset.ppo))
    reward = value_of(args, "--reward")
    if reward:
        preset = replace(preset, reward=reward, reward_options=make_reward(reward))
    elif preset.reward_options is None:
        preset = replace(preset, reward_options=make_reward(preset.reward))
    world = value_of(args, "--world")
    if world:
        preset = replace(preset, world=world, world_options=None)
    preset = replace(preset, world_options=preset.world_config())
    task = value_of(args, "--task")
    if task:
        return replace(preset, task=task, task_options=task_config(task))
    return replace(preset, task_options=resolved(preset.task, preset.task_options))


def preset_of(args: Sequence[str]) -> str | None:
    """The first argument that is neither a flag nor the value of one."""
    is_value = False
    for arg in args:
        if not is_value and not arg.startswith("-"):
            return arg
        is_value = arg.startswith("-") and "=" not in arg and arg not in SWITCHES
    return None


def _parts(arg: str) -> tuple[str, str]:
    flag, equals, value = arg.partition("=")
    return flag, equals + value


def _name(preset: str) -> str:
    """Name of a preset's run: that of the preset, of its file or of its run folder."""
    path = Path(preset)
    return path.resolve().parent.name if path.suffix == ".json" else path.stem

"""`robonav finder`: teach what finds goal pictures for the planner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from robonav.launch.teaching import TeachingOptions, teach


@dataclass(frozen=True)
class FinderCommand(TeachingOptions):
    """Teach a finder of goal pictures: does a frame show some of one, and where was it taken then?

    One ships with robonav: this is for other worlds, another predictor, or to make it again. The folder gets
    model.safetensors and config.json with the errors on pairs of views that were not learnt from.

    Examples:
        robonav finder --out finders/houses
        robonav finder --init nano --scenes my_scans/ --rounds 40 --out finders/mine
        robonav train guided-image-goal --init explorer --finder finders/mine
    """

    out: Path = Path("finders/nano")
    """Folder of the finder."""
    predictor: Annotated[str | None, tyro.conf.arg(aliases=["--vision"])] = None
    """The predictor that it goes with: `nano`, or a folder of `robonav predictor`."""

    def run(self) -> None:
        """Teach."""
        from robonav.perception.teaching.finder import FinderTrainConfig, FinderTraining

        teach(FinderTraining(replace(FinderTrainConfig(), **self.given("predictor")), self.out, self.resume))
        print(
            f"the finder is in {self.out}\ntrain with it: robonav train guided-image-goal --finder {self.out}"
        )

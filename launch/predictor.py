"""`robonav predictor`: teach the frozen predictor of depth and occupancy that explorers look through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from robonav.launch.teaching import TeachingOptions, teach


@dataclass(frozen=True)
class PredictorCommand(TeachingOptions):
    """Teach a predictor what is free, occupied and in sight; `robonav train` then looks through it.

    One ships with robonav, so this is for other worlds, other sizes, or to make it again. The folder gets
    model.safetensors and config.json with the errors on views that were not learnt from.

    Examples:
        robonav predictor --out predictors/houses
        robonav predictor --init nano --scenes my_scans/ --rounds 40 --out predictors/mine
        robonav train guided --predictor predictors/mine
    """

    out: Path = Path("predictors/nano")
    """Folder of the predictor."""

    def run(self) -> None:
        """Teach."""
        from robonav.perception.teaching.predictor import PredictorTrainConfig, PredictorTraining

        teach(PredictorTraining(replace(PredictorTrainConfig(), **self.given()), self.out, self.resume))
        print(f"the predictor is in {self.out}\ntrain with it: robonav train guided --predictor {self.out}")

"""How long and how fast to train."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from motes.fairness import may_change

Watched = Literal[
    "auto",
    "best_f1",
    "best_f2",
    "best_f4",
    "average_precision",
    "pixel_f1",
    "pixel_best_f1",
    "pixel_iou",
    "pixel_auc",
]


class Training(BaseModel):
    """The optimiser, its schedule, and what is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(
        20, ge=1, description="how often it goes round", json_schema_extra=may_change("steps", "stopping")
    )
    steps: int | None = Field(
        50,
        ge=1,
        description="optimiser steps in an epoch; none: as many as it takes to see each image once",
        json_schema_extra=may_change("steps", "order", "places", "draws"),
    )
    batch: int = Field(
        8,
        ge=1,
        description="crops in a step, over all processes",
        json_schema_extra=may_change("steps", "order", "places", "draws"),
    )
    accumulate: int = Field(
        1,
        ge=1,
        description="parts that a batch is worked through in, one after the other, to save memory",
        json_schema_extra=may_change("draws"),
    )
    optimiser: Literal["adamw", "adam", "sgd"] = Field(
        "adamw", description="AdamW (Loshchilov and Hutter 2019), Adam, or SGD with Nesterov momentum 0.9"
    )
    learning_rate: float = Field(1e-3, gt=0, description="the highest, after warming up")
    weight_decay: float = Field(1e-4, ge=0, description="pull of the weights towards zero")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    schedule: Literal["cosine", "cosine_restarts", "one_cycle", "plateau", "constant"] = Field(
        "cosine", description="how the learning rate falls after warming up"
    )
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps in which the rate rises")
    lowest_rate: float = Field(
        0.01, gt=0, le=1, description="where the rate ends, as a share of the highest; plateau goes no lower"
    )
    restart_epochs: int = Field(10, ge=1, description="cosine_restarts: epochs until the first restart")
    restart_factor: int = Field(2, ge=1, description="cosine_restarts: each period is so many times longer")
    plateau_patience: int = Field(
        5, ge=1, description="plateau: validations without improvement before the rate falls"
    )
    plateau_factor: float = Field(0.5, gt=0, lt=1, description="plateau: what the rate is multiplied by")
    average: float = Field(
        0, ge=0, lt=1, description="decay of a running average of the weights, 0.999 say; 0: none"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="auto takes bfloat16 where the processor computes in it",
        json_schema_extra=may_change("device"),
    )
    compile: bool = Field(
        False,
        description="translate the net with torch.compile first",
        json_schema_extra=may_change("device"),
    )
    validate_every: int = Field(
        1,
        ge=1,
        description="epochs from one validation to the next",
        json_schema_extra=may_change("stopping"),
    )
    watch: Watched = Field(
        "auto",
        description="the validation metric that decides which epoch is best, and when to stop; auto: best_f1 "
        "with picks, or best_f4 where that is the goal, pixel_f1 with masks",
        json_schema_extra=may_change("stopping", "steps"),
    )
    patience: int = Field(
        0,
        ge=0,
        description="validations without improvement after which training stops; 0: never",
        json_schema_extra=may_change("stopping", "steps"),
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="the epoch whose weights become the model",
        json_schema_extra=may_change("stopping"),
    )
    best: int = Field(1, ge=0, description="how many of the best epochs' weights are kept in checkpoints/")
    snapshots: int = Field(
        0, ge=0, description="how many epochs' weights are kept, evenly spread, or one a period of restarts"
    )
    checkpoint_minutes: float = Field(5, gt=0, description="longest time between two checkpoints")

    @model_validator(mode="after")
    def _parts_fit(self) -> "Training":
        if self.batch % self.accumulate:
            raise ValueError(
                f"batch is {self.batch}, which cannot be worked through in {self.accumulate} equal parts; "
                "make training.batch a multiple of training.accumulate"
            )
        if self.keep == "best" and self.best == 0:
            raise ValueError(
                "keep is 'best', but best is 0, so no best epoch is kept; set training.best to 1"
            )
        return self

    def steps_for(self, images: int) -> int:
        """Steps in an epoch with so many training images."""
        return self.steps if self.steps is not None else -(-images // self.batch)

    def is_validated(self, epoch: int) -> bool:
        """Whether the epoch, counted from 1, ends with a validation; the last one always does."""
        return epoch % self.validate_every == 0 or epoch == self.epochs

"""How long and how fast to train."""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Training(BaseModel):
    """The optimiser (AdamW, Loshchilov and Hutter 2019) and its schedule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(20, ge=1, description="an epoch is a fixed number of steps, then a validation")
    steps: int = Field(50, ge=1, description="optimiser steps in an epoch")
    batch: int = Field(8, ge=1, description="crops in a step")
    loss: str = Field("bce", description="a name in the table of losses.py")
    learning_rate: float = Field(1e-3, gt=0, description="the highest, after warming up")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps in which the rate rises")
    weight_decay: float = Field(1e-4, ge=0)
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto takes bfloat16 where the processor computes in it"
    )

    def learning_rate_at(self, step: int) -> float:
        """The rate of a step counted from 0: a linear rise, then half a cosine down to a hundredth."""
        total = self.epochs * self.steps
        rising = max(1, round(self.warmup * total))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        done = (step - rising) / max(1, total - rising)
        return self.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)

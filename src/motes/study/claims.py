"""What others found and claimed, as the file of a study says it: numbers to stand beside, and a rule to test."""

from pydantic import BaseModel, ConfigDict, Field


class Published(BaseModel):
    """What others found with the same arms, to be shown beside what this study finds; nothing is computed with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(description="where the numbers come from, and how what they are of differs")
    values: dict[str, tuple[float, ...]] = Field(
        {}, description="of an arm, in the deciding metric: of each sample"
    )
    minutes: dict[str, tuple[float, ...]] = Field({}, description="of training of an arm: of each sample")
    epochs: dict[str, tuple[int, int]] = Field({}, description="of an arm: trained, and the best of them")
    stability: dict[str, float] = Field(
        {}, description="of an arm: spread of the deciding metric in validation over the last epochs"
    )
    lines: dict[str, float] = Field({}, description="by name, values of the deciding metric to draw as lines")


class Trend(BaseModel):
    """A rule that the study puts to the test: how the best value of a field changes with the number of objects."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str = Field("training.learning_rate", description="of the recipe, in which the arms differ")
    claimed: float = Field(
        description="slope of log10(best value) against log10(objects an image) that the rule says"
    )
    rule: str = Field(description="the rule in words")

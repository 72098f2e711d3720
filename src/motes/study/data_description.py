"""The data of a study as its file describes them: what is simulated, and which groups are in which part."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from motes.errors import RecipeError


class DrawnWorlds(BaseModel):
    """How many simulated micrographs, each of a world of its own, there are in each part.

    Those for the test are of shapes and noise that the others do not have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: int = Field(ge=1)
    validation: int = Field(ge=1)
    test: int = Field(ge=1)


class DrawnTomograms(BaseModel):
    """How many simulated tomograms there are in each part; each is a group of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: int = Field(ge=1, description="of each sample, where the division has several")
    validation: int = Field(ge=1, description="of each sample, where the division has several")
    test: int = Field(ge=1)
    denoised: bool = Field(False, description="take the smoothed copies, as of the challenge's tomograms")


class DrawnBeads(BaseModel):
    """How many simulated images of beads there are in each part; each is a group of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: int = Field(ge=1, description="of each sample, or of each density, where there are several")
    validation: int = Field(ge=1, description="of each sample, or of each density, where there are several")
    test: int = Field(ge=1, description="of each density, where there are several")
    densities: tuple[int, ...] = Field(
        (),
        description="beads in an image, in place of world.beads: each density has images of its own, and every arm is "
        "trained and tested on each by itself",
    )

    @model_validator(mode="after")
    def _series_fits(self) -> "DrawnBeads":
        found = ", ".join(map(str, self.densities))
        if self.densities and (min(self.densities) < 1 or len(set(self.densities)) < len(self.densities)):
            raise RecipeError(
                f"study: data.beads.densities is {found}; expected whole numbers from 1 on, each once"
            )
        return self


class Simulated(BaseModel):
    """Simulated images in place of one's own: micrographs, each group a protein of its own, tomograms, or beads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: int = Field(6, ge=1, description="how many, each with a shape, size and contrast of its own")
    images: int = Field(8, ge=1, description="micrographs in each group")
    seed: int = Field(0, ge=0, description="all chance of the simulation comes from it")
    worlds: DrawnWorlds | None = Field(
        None, description="micrographs that each differ in everything, in place of groups of a protein each"
    )
    tomograms: DrawnTomograms | None = Field(
        None,
        description="tomograms in place of micrographs; world then has the fields of a tomogram's simulation",
    )
    beads: DrawnBeads | None = Field(
        None,
        description="light-microscopy images of beads in place of micrographs, with the number of the bead at each "
        "pixel as truth (masks.kind=instances); world then has the fields of their simulation",
    )
    world: dict[str, Any] = Field({}, description="what all images share, as fields of the simulation")
    vary: dict[str, tuple[float, float]] = Field(
        {},
        description="fields of the simulation drawn for each group between two values, on a scale of ratios",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "Simulated":
        kinds = [name for name in ("worlds", "tomograms", "beads") if getattr(self, name) is not None]
        if len(kinds) > 1:
            raise RecipeError(
                f"study: data has {' and '.join(kinds)}; images are of one kind, so leave one of them out"
            )
        if kinds and kinds != ["worlds"] and self.vary:
            raise RecipeError(
                f"study: data.vary is for groups of micrographs; {kinds[0]} vary by their world alone"
            )
        if self.densities and "beads" in self.world:
            raise RecipeError(
                "study: data has beads.densities and world.beads, which both say how many beads an image holds; leave "
                "one of them out"
            )
        return self

    @property
    def densities(self) -> tuple[int, ...]:
        """Objects in an image of each density of a series; empty where there is no series."""
        return () if self.beads is None else self.beads.densities


class Division(BaseModel):
    """Which groups are trained on, validated on, and kept for the test at the end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["hold_out", "k_fold", "leave_one_group_out"] = Field(
        "hold_out",
        description="hold_out: one division; k_fold: each group is tested once, in folds; leave_one_group_out: a fold "
        "for each group",
    )
    validation: int = Field(1, ge=1, description="groups to validate on, in each fold")
    test: int = Field(2, ge=1, description="groups to test on; hold_out only")
    folds: int = Field(5, ge=2, description="k_fold only")
    samples: int = Field(
        1,
        ge=1,
        description="hold_out only: disjoint draws of the groups to train and validate on, with one test set for all; "
        "every arm is trained on each",
    )
    seed: int = Field(0, ge=0, description="it orders the groups before they are dealt out")

    @model_validator(mode="after")
    def _samples_fit(self) -> "Division":
        if self.samples > 1 and self.kind != "hold_out":
            raise RecipeError(
                f"study: division.samples is {self.samples}, but division.kind is {self.kind}; samples have one test "
                "set in common, so set the kind to hold_out, or leave samples at 1"
            )
        return self

"""What a run needs in place of images of the user's own: simulated micrographs without end."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from motes.data.crops import CropSource
from motes.data.sources import DataSource
from motes.errors import InputError
from motes.jobs.parts import Parts, Prepared
from motes.jobs.telling import Teller
from motes.nets.model_file import DEFAULT, TrainedOn
from motes.recipe import Recipe
from motes.simulate.endless import WorldSource, WorldStream, labelled_world, makers_for, world_makers
from motes.train.plan import Plan, Source

EXAMPLES = 4  # micrographs that stand for all those to come, in the record
VALIDATION = 1_000_000_000  # the number of the first micrograph of the series that is validated on


def world_parts(sources: Sequence[DataSource], recipe: Recipe, teller: Teller) -> Parts:
    """The first micrographs of the run's series, and those that it is validated on, which come never again.

    Raises InputError where images are given too.
    """
    if sources:
        raise InputError(
            f"the recipe {recipe.name} trains on simulated micrographs (worlds.use), but images are given too; leave "
            "them out, or train on them with a recipe for images, from a model that knows simulated ones: "
            f"`motes train micrographs ... --start {recipe.start or DEFAULT}`"
        )
    numbers = [*range(EXAMPLES), *range(VALIDATION, VALIDATION + recipe.worlds.validated)]
    with world_makers(recipe.worlds) as pool, teller.progress("simulating", len(numbers), "images") as done:
        futures = [
            pool.submit(labelled_world, recipe.worlds, recipe.seed, number, recipe.normalisation)
            for number in numbers
        ]
        images = []
        for number, future in zip(numbers, futures, strict=True):
            made = future.result()
            digest = hashlib.sha256(made.data[:, :].tobytes()).hexdigest()
            images.append(
                Prepared(
                    name=f"world_{number + 1}",
                    labelled=made,
                    sha256=hashlib.sha256(digest.encode() + made.points.tobytes()).hexdigest(),
                    image_sha256=digest,
                    particles=len(made.points),
                    diameters=(recipe.worlds.across,),
                    working=(recipe.worlds.across,),
                    group=f"world_{number + 1}",
                )
            )
            done(len(images))
    return Parts(images[:EXAMPLES], images[EXAMPLES:], [], working=(recipe.worlds.across,))


@contextmanager
def crop_maker(recipe: Recipe, plan: Plan) -> Iterator[Source]:
    """The plan's own source of crops, or one that simulates them as they are asked for."""
    if not (recipe.worlds.use and isinstance(plan.source, CropSource)):
        yield plan.source
        return
    with world_makers(recipe.worlds) as pool:
        stream = WorldStream(recipe.worlds, recipe.seed, recipe.normalisation, pool)
        yield WorldSource(stream, plan.source, plan.steps * recipe.training.batch)


def told_worlds(recipe: Recipe) -> str:
    """What is trained on, in words."""
    return f"{micrographs(recipe):,} simulated micrographs ({makers_for(recipe.worlds)} processes make them)"


def micrographs(recipe: Recipe) -> int:
    """How many micrographs a whole training takes."""
    worlds, training = recipe.worlds, recipe.training
    groups = -(-training.steps_for(EXAMPLES) * training.batch // (worlds.together * worlds.crops_each))
    return training.epochs * groups * worlds.together


def trained_on_worlds(recipe: Recipe, parts: Parts) -> list[TrainedOn]:
    """What the model file says of its images; those trained on come again from the recipe and its seed."""
    digest = hashlib.sha256(f"{recipe.seed} {recipe.worlds.model_dump_json()}".encode()).hexdigest()
    series = TrainedOn(
        image=f"{micrographs(recipe):,} simulated micrographs", sha256=digest, particles=None, part="train"
    )
    validation = [
        TrainedOn(image=each.name, sha256=each.sha256, particles=each.particles, part="validation")
        for each in parts.validation
    ]
    return [series, *validation]

"""What a training tells of itself while it goes on."""

import torch
from torch import nn

from motes.figures.methods import net_in_short
from motes.jobs.parts import Parts
from motes.jobs.telling import Teller
from motes.jobs.training_worlds import told_worlds
from motes.nets.build import parameter_count
from motes.recipe import Recipe
from motes.train.alarms import rate_warning
from motes.train.plan import Row
from motes.train.precision import chosen_precision
from motes.train.processes import Processes


def tell_plan(
    recipe: Recipe,
    parts: Parts,
    net: nn.Module,
    device: torch.device,
    processes: Processes,
    teller: Teller,
) -> None:
    """Say what is about to be trained, on what and with what, and warn of what looks like a slip."""
    _tell_sizes(recipe, parts, teller)
    if slip := rate_warning(recipe.training):
        teller.warn(slip)
    if recipe.encoder_weights is not None:
        teller.say(f"the encoder starts from {recipe.encoder_weights}")
    if recipe.start is not None:
        teller.say(
            f"training starts from {recipe.start}; net, working scale, normalisation and target are those of that model"
        )
    particles = sum(image.particles or 0 for image in parts.train)
    labels = "masks" if parts.masked else f"{particles} particles"
    images = told_worlds(recipe) if recipe.worlds.use else f"{len(parts.train)} images with {labels}"
    precision = str(chosen_precision(recipe.training, device)).removeprefix("torch.")
    teller.say(
        f"training {net_in_short(recipe.net)} ({parameter_count(net):,} parameters) on {images}, "
        f"validating on {len(parts.validation)}; {device.type}, {torch.get_num_threads()} threads, "
        f"{precision}"
    )
    if processes.count > 1:
        norm = "is shared by all" if device.type == "cuda" else "is each process's own"
        batch = f"; batch norm {norm}" if recipe.net.norm == "batch" else ""
        teller.say(f"{processes.count} processes, each with its share of every batch{batch}")


def _tell_sizes(recipe: Recipe, parts: Parts, teller: Teller) -> None:
    """Say how large the particles are on the first image, and warn where that means a great enlargement."""
    first = parts.train[0]
    if not first.diameters or not parts.working:
        return
    enlarged = parts.working[0] / first.diameters[0]
    if enlarged > 2:
        teller.warn(
            f"the particle is {first.diameters[0]:.3g} px across in {first.name}, so images are enlarged "
            f"{enlarged:.1f} times; is the diameter right ({recipe.diameter})?"
        )
    for name, diameter, working in zip(recipe.class_names, first.diameters, parts.working, strict=True):
        teller.say(
            f"{name}: {diameter:.4g} px across in {first.name}, {working:.4g} px where the net sees it"
        )


def epoch_line(row: Row, recipe: Recipe) -> str:
    """An epoch's result for people."""
    line = f"epoch {row['epoch']} of {recipe.training.epochs}: loss {row['loss']:.4f}"
    if recipe.training.watch in row:
        name = recipe.training.watch.replace("_", " ").replace(" f", " F")
        value = row[recipe.training.watch]
        line += f", {name} on the validation images {'undefined' if value is None else f'{value:.3f}'}"
    return line

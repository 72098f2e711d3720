"""How fast a GPU trains and predicts the standard and the attention U-Net at 768 x 768.

Prints a Markdown table: images per second of training and of inference by batch, the arithmetic rate that this
means, and memory. Training is motes' own loop, once with batches that lie ready on the GPU and once with
crops cut and augmented from a store in memory, as in the recipe fair-standard.

    python benchmarks/gpu.py [--nets unet attention_unet] [--batches 8 16 32] [--size 768] [--compile]
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from motes.data.crops import CropSource, Labelled
from motes.nets.build import build_net
from motes.nets.cost import net_cost
from motes.predict.maps import probability_maps, to_device
from motes.recipe import Recipe
from motes.recipe_file import load_recipe
from motes.train.loop import chosen_precision
from training_loop import Ready, in_memory, motes_loop, wait

WARM = 5  # steps or passes that are not counted
LOOPS = 3  # forward and backward passes cost about three times the forward pass


def whole_images(recipe: Recipe, count: int) -> CropSource:
    """Simulated pixels and labels of the recipe's size, in memory."""
    rng = np.random.default_rng(0)
    shape = recipe.sampling.shape(2)
    images = [
        Labelled(
            rng.random(shape, dtype=np.float32),
            np.zeros((0, 2)),
            labels=(rng.random(shape) < 0.1).astype(np.int16),
        )
        for _ in range(count)
    ]
    return CropSource(images, (), recipe.sampling, recipe.augmentation, recipe.target)


def training_rate(net: nn.Module, source: object, recipe: Recipe, batch: int, device: torch.device) -> float:
    """Images per second of motes' loop, after a few steps that warm everything up."""
    settings = recipe.training.model_copy(update={"epochs": 1, "batch": batch, "watch": "best_f1"})
    motes_loop(net, source, settings.model_copy(update={"steps": WARM}), device)
    return motes_loop(net, source, settings.model_copy(update={"steps": 10 * WARM}), device)[
        "crops_per_second"
    ]


@torch.inference_mode()
def inference_rate(net: nn.Module, images: torch.Tensor, precision: torch.dtype) -> float:
    """Images per second of bare forward passes over a batch that lies on the device."""
    net.eval()
    device = images.device

    def forward() -> None:
        with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
            net(images)

    return len(images) / seconds(forward, device)


def whole_rate(net: nn.Module, recipe: Recipe, source: CropSource, precision: torch.dtype) -> float:
    """Images per second as `motes pick` and validation predict them: one by one, from and to NumPy."""
    net.eval()
    device = next(net.parameters()).device
    image = np.asarray(source.images[0].data[:, :])
    return 1 / seconds(
        lambda: probability_maps(net, recipe.net, image, precision=precision), device, 2 * WARM
    )


def seconds(work: Callable[[], object], device: torch.device, repeats: int = 10 * WARM) -> float:
    """Mean seconds of a piece of work, after it has been done a few times."""
    for _ in range(WARM):
        work()
    wait(device)
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    wait(device)
    return (time.perf_counter() - started) / repeats


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", default=["unet", "attention_unet"])
    parser.add_argument("--batches", nargs="+", type=int, default=[8, 16, 32])
    parser.add_argument("--size", type=int, default=768)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "this processor"
    changes = [f"sampling.size={options.size}", f"net.width={options.width}", f"compile={options.compile}"]
    print(f"{name}, torch {torch.__version__}, {options.size} x {options.size}\n")
    columns = ["net", "batch", "trains, images/s", "with data", "TFLOP/s", "predicts, images/s", "TFLOP/s"]
    columns += ["one by one, images/s", "GiB"]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for kind in options.nets:
        recipe = load_recipe("fair-standard", [*changes, f"net.name={kind}"])
        operations = net_cost(recipe.net, recipe.sampling.shape(2)).operations / 1e12
        precision = chosen_precision(recipe.training, device)
        for batch in options.batches:
            source = whole_images(recipe, 2 * batch)
            ready: Ready = in_memory(source, batch, device, count=2)
            net = build_net(recipe.net).to(device)
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            alone = training_rate(net, ready, recipe, batch, device)
            fed = training_rate(net, source, recipe, batch, device)
            images = to_device(ready.batches[0][0], device)
            predicted = inference_rate(net, images, precision)
            single = whole_rate(net, recipe, source, precision)
            memory = (
                torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else float("nan")
            )
            print(
                f"| {kind} | {batch} | {alone:.1f} | {fed:.1f} | {LOOPS * alone * operations:.1f} | "
                f"{predicted:.1f} | {predicted * operations:.1f} | {single:.1f} | {memory:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

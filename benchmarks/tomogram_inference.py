"""How fast tomograms are predicted and picked: motes against MONAI's sliding windows, on the same net and windows.

The net is se_unet of seeded weights, its background raised so that about as much of the volume is called a particle
as in a real tomogram; the volume is noise. Times are medians over repeats, in which all ways take turns.

    equal precision   maps from windows of one patch and overlap, Gaussian weights, each in bfloat16 and in float32
    as they come      motes in the precision it chooses, MONAI in float32
    with picks        motes with the peaks of every class; MONAI with argmax and the centres of connected regions

With --pick the volume and the model are written to files and picked by `motes pick`, a process of its own whose time
and peak memory are told; --shape 184x630x630 is a tomogram of the public challenge.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

import measure
from motes.data.normalise import Normalisation
from motes.formats.images import write_image
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.nets.folded import folded
from motes.nets.model_file import Model, ModelDescription, save_model
from motes.picking.picker import Picking
from motes.picking.slabs import SlabPicks
from motes.predict.forward import fast_precision
from motes.predict.stream import Seer, stream_maps
from motes.predict.windows import Windows

NET = NetDescription(name="se_unet", ndim=3, outputs=7, widths=(16, 32, 64, 128))
DIAMETERS = (12.0, 13.0, 18.0, 30.0, 26.0, 27.0)  # px at 10 A/px, of the six proteins of the challenge
CALLED = (
    2e-5  # share of a volume that is called a particle; as that is noise, in as many places as in a real one
)
SURE = 10  # times as far apart as those of untrained weights lie the logits of a net that has learned
TOGETHER = 4  # windows that MONAI sees at a time, as in its tutorials

Volume = NDArray[np.float32]


def main() -> None:
    """Measure what was asked for and print one table of each kind."""
    options = parse()
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages for both, as `motes pick` asks for them
    measure.hold_to_cores(options.cores)
    torch.set_num_threads(options.cores)
    options.work.mkdir(parents=True, exist_ok=True)
    volume = np.random.default_rng(0).normal(size=options.shape).astype(np.float32)
    net = seasoned_net(options.patch)
    if options.pick:
        pick(net, volume, options)
        return
    windows = Windows(patch=options.patch, overlap=options.overlap)
    times = alternate(all_ways(net, volume, windows), options.repeats)
    (options.work / "tomogram_inference.json").write_text(json.dumps(times, indent=2))
    print(table(times))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", type=sides, default=(64, 256, 256), help="of the volume, 64x256x256")
    parser.add_argument("--patch", type=sides, default=(32, 128, 128), help="of a window")
    parser.add_argument("--overlap", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--pick", action="store_true", help="run `motes pick` on a file, and nothing else")
    parser.add_argument("--work", type=Path, default=Path("benchmark-results/tomograms"))
    return parser.parse_args()


def sides(words: str) -> tuple[int, ...]:
    return tuple(int(side) for side in words.split("x"))


def seasoned_net(patch: tuple[int, ...]) -> nn.Module:
    """A net whose norms have seen noise, and which calls little of it a particle."""
    net = build_net(NET, seed=1).train()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(4):
            net(torch.randn(2, 1, *(side // 2 for side in patch), generator=generator))
        net.head.weight *= SURE
        logits = net.eval()(torch.randn(1, 1, *patch, generator=generator))[0].flatten(1)
        lead = logits[1:].amax(dim=0) - logits[0]
        net.head.bias[0] += torch.quantile(lead, 1 - CALLED)
    return net


def all_ways(net: nn.Module, volume: Volume, windows: Windows) -> dict[str, Callable[[], object]]:
    """By name, what is timed."""
    fast = fast_precision(torch.device("cpu"))
    precisions = dict.fromkeys((fast, torch.float32))
    ways: dict[str, Callable[[], object]] = {}
    for precision in precisions:
        name = str(precision).removeprefix("torch.")
        ways[f"motes, {name}"] = lambda precision=precision: motes_maps(net, volume, windows, precision)
        ways[f"monai, {name}"] = lambda precision=precision: monai_maps(net, volume, windows, precision)
    ways["motes, picks"] = lambda: motes_picks(net, volume, windows, fast)
    ways["monai, regions"] = lambda: monai_regions(net, volume, windows)
    return ways


def motes_maps(net: nn.Module, volume: Volume, windows: Windows, precision: torch.dtype) -> int:
    """All slabs of the maps of all classes; how many windows they took."""
    seer = Seer(folded(net, precision), NET, precision)
    plan = seer.plan(volume.shape, windows)
    for _ in stream_maps(seer, volume, plan):
        pass
    return plan.windows


def motes_picks(net: nn.Module, volume: Volume, windows: Windows, precision: torch.dtype) -> int:
    """The peaks of all classes."""
    seer = Seer(folded(net, precision), NET, precision)
    found = SlabPicks(DIAMETERS, Picking())
    for slab in stream_maps(seer, volume, seer.plan(volume.shape, windows)):
        found.add(slab.start, slab.maps)
    return sum(map(len, found.picks()))


@torch.inference_mode()
def monai_maps(
    net: nn.Module, volume: Volume, windows: Windows, precision: torch.dtype = torch.float32
) -> torch.Tensor:
    """The maps of all classes as a whole."""

    def probabilities(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
            return torch.softmax(net(x), dim=1)

    maps = sliding_window_inference(
        torch.from_numpy(volume)[None, None],
        windows.patch,
        TOGETHER,
        probabilities,
        overlap=windows.overlap,
        mode="gaussian",
    )
    assert isinstance(maps, torch.Tensor)
    return maps[0]


def monai_regions(net: nn.Module, volume: Volume, windows: Windows) -> int:
    """The centres of the connected regions of each class in the most probable classes."""
    called = monai_maps(net, volume, windows).argmax(dim=0).numpy()
    centres = 0
    for number in range(1, NET.outputs):
        labels, count = ndimage.label(called == number)
        centres += len(ndimage.center_of_mass(labels > 0, labels, range(1, count + 1)))
    return centres


def alternate(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each way, in turn, so that whatever else the machine does meets all."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            started = time.perf_counter()
            found = way()
            times[name].append(time.perf_counter() - started)
            told = found if isinstance(found, int) else "maps"
            print(f"{name}: {times[name][-1]:.1f} s ({told})", flush=True)
    return times


def table(times: dict[str, list[float]]) -> str:
    """Markdown: medians, and how many times as fast motes is."""
    middle = {name: statistics.median(each) for name, each in times.items()}
    precisions = [name.removeprefix("monai, ") for name in middle if name.startswith("monai, ")][:-1]
    rows = [(f"equal precision, {each}", f"motes, {each}", f"monai, {each}") for each in precisions]
    rows.append(("as they come", f"motes, {precisions[0]}", "monai, float32"))
    rows.append(("with picks", "motes, picks", "monai, regions"))
    lines = ["| compared | motes, s | MONAI, s | times as fast |", "|---|---|---|---|"]
    for words, ours, theirs in rows:
        spread = " to ".join(f"{edge:.2f}" for edge in _edges(times[ours], times[theirs]))
        ratio = f"{middle[theirs] / middle[ours]:.2f} ({spread})"
        lines.append(f"| {words} | {middle[ours]:.1f} | {middle[theirs]:.1f} | {ratio} |")
    return "\n".join(lines)


def _edges(ours: list[float], theirs: list[float]) -> tuple[float, float]:
    """The lowest and the highest ratio of runs that followed each other."""
    ratios = [other / own for own, other in zip(ours, theirs, strict=True)]
    return min(ratios), max(ratios)


def pick(net: nn.Module, volume: Volume, options: argparse.Namespace) -> None:
    """Write a volume and a model, and pick it by the command."""
    model, image = options.work / "model.safetensors", options.work / "tomogram.mrc"
    save_model(model, Model(net, described()))
    write_image(image, volume, 10.0)
    words = ["--model", model, "--out", options.work / "picked", "--overwrite", "--threads", options.cores]
    patch = ["--patch", "x".join(map(str, options.patch)), "--overlap", options.overlap]
    log = options.work / "pick.log"
    usage = measure.run([*measure.MOTES, "pick", image, *words, *patch], log, options.cores)
    print(json.dumps(asdict(usage)))
    print(log.read_text())


def described() -> ModelDescription:
    """What a model file of the challenge's classes says."""
    names = ["apo-ferritin", "beta-amylase", "beta-galactosidase", "ribosome", "thyroglobulin", "vlp"]
    return ModelDescription(
        net=NET,
        classes=names,
        diameters=[10 * diameter for diameter in DIAMETERS],
        diameter_unit="A",
        working_diameter=None,
        working_pixel_size=10.0,
        normalisation=Normalisation(),
        picking=Picking(),
        thresholds=dict.fromkeys(names, 0.5),
        threshold_note="none: for a benchmark",
        trained_on=[],
        recipe={},
        versions={},
    )


if __name__ == "__main__":
    main()

"""How long crops take: cutting on the CPU in the background, finishing on the device that trains.

Prints milliseconds (median of --repeats batches) for 8 crops of 256 x 256 from micrographs, and for one of
32 x 128 x 128 from a tomogram of 184 x 630 x 630. With --monai also how long MONAI's RandCropByLabelClassesd
takes for such a crop from labels as large as the tomogram, without changing anything about it, and the ratio.

    python benchmarks/crops.py [--device cpu] [--threads 2] [--repeats 30] [--monai]
"""

import argparse
import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch

from motes.data.augment import Augmentation
from motes.data.crops import CropSource, Labelled, Sampling
from motes.data.paint import Target, paint

EVERYTHING = Augmentation(
    elastic=0.3,
    contrast_share=0.5,
    brightness_share=0.5,
    noise_share=0.3,
    blur=3,
    blur_share=0.2,
    squares=8,
    squares_share=0.3,
    ice=0.2,
    defocus=0.5,
    mixup=0.3,
    cutmix=0.3,
)
TOMOGRAM = Augmentation(rotation=15, scale=0.1, on_grid=0)


def labelled(shape: tuple[int, ...], count: int, seed: int) -> Labelled:
    rng = np.random.default_rng(seed)
    return Labelled(rng.standard_normal(shape, dtype=np.float32), rng.random((count, len(shape))) * shape)


def micrographs(augmentation: Augmentation) -> CropSource:
    images = [labelled((1024, 1024), 300, seed) for seed in range(8)]
    return CropSource(images, (22.0,), Sampling(size=256), augmentation, Target(radius=0.6), pixel_size=8.0)


def tomogram(augmentation: Augmentation) -> CropSource:
    image = labelled((184, 630, 630), 200, 0)
    return CropSource(
        [image], (15.0,), Sampling(size=(32, 128, 128)), augmentation, Target(), pixel_size=10.0
    )


def milliseconds(source: CropSource, batch: int, repeats: int, device: torch.device) -> tuple[float, float]:
    """Median time of cut and of finish."""
    cutting, finishing = [], []
    for step in range(repeats + 3):
        started = time.perf_counter()
        patches = source.cut(0, 0, range(step * batch, (step + 1) * batch))
        cut = time.perf_counter()
        source.finish(patches, device)
        if device.type == "cuda":
            torch.cuda.synchronize()
        finished = time.perf_counter()
        if step >= 3:  # the first ones find nothing warm
            cutting.append(1e3 * (cut - started))
            finishing.append(1e3 * (finished - cut))
    return statistics.median(cutting), statistics.median(finishing)


def monai_milliseconds(repeats: int) -> float:
    """Median time of one crop around one of six classes, whose places are looked for in the labels each time."""
    from monai.transforms import RandCropByLabelClassesd

    rng = np.random.default_rng(0)
    shape = (184, 630, 630)
    points = rng.random((200, 3)) * shape
    labels = paint(points, shape, (15.0,) * 6, Target(), np.arange(200) % 6)
    item = {"image": torch.from_numpy(rng.standard_normal((1, *shape), dtype=np.float32))}
    item["label"] = torch.from_numpy(labels[None])
    crop = RandCropByLabelClassesd(["image", "label"], "label", (32, 128, 128), num_classes=7)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        crop(item)
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--monai", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    cases = [
        ("8 of 256 x 256, as in the recipe micrographs", micrographs(Augmentation()), 8),
        ("8 of 256 x 256, everything switched on", micrographs(EVERYTHING), 8),
        ("1 of 32 x 128 x 128, turned, scaled, grey values", tomogram(TOMOGRAM), 1),
        ("1 of 32 x 128 x 128, everything switched on", tomogram(EVERYTHING), 1),
    ]
    print(f"{'ms a batch':50s}   cut  finish  both   ({options.device}, {options.threads} threads)")
    for name, source, batch in cases:
        cut, finish = milliseconds(source, batch, options.repeats, torch.device(options.device))
        print(f"{name:50s} {cut:5.1f}  {finish:6.1f} {cut + finish:5.1f}")
    if options.monai:
        cut, finish = milliseconds(tomogram(TOMOGRAM), 1, options.repeats, torch.device(options.device))
        theirs = monai_milliseconds(max(3, options.repeats // 5))
        print(f"{'MONAI, the crop alone':50s} {theirs:20.1f}  {theirs / (cut + finish):.0f} times as long")


if __name__ == "__main__":
    main()

"""Changes of a crop's grey values; the geometry is done by then.

Standard deviations are those of the normalised image, which has 1.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motes.data.augment import Augmentation, Draw
from motes.data.geometry import smooth
from motes.physics.ctf import Defocus, Lens, contrast_transfer
from motes.physics.fourier import frequency_axes
from motes.physics.ice import contamination_blob

ANGSTROM_PER_MICROMETRE = 1e4
REGULARISATION = 0.1


def change_grey_values(
    crops: Tensor,
    draws: Sequence[Draw],
    augmentation: Augmentation,
    ice: Sequence[Tensor | None],
    transfers: Sequence[Tensor | None],
) -> Tensor:
    """Change crops (b, 1, ...) in place, each by its own draws, and return them.

    ice: what contamination adds, (...) of a crop. transfers: what multiplies the spectrum of each slice
    (y, x // 2 + 1). In this order: ice, defocus, blur, contrast and brightness, noise, dropped-out squares.
    """
    for crop, drawn, piece, transfer in zip(crops, draws, ice, transfers, strict=True):
        if piece is not None:
            crop += piece
        if transfer is not None:
            crop.copy_(filtered_slices(crop, transfer))
        if drawn.blur > 0:
            crop.copy_(smooth(crop, drawn.blur))
    _linear_change(crops, draws)
    _add_noise(crops, draws)
    for crop, drawn in zip(crops, draws, strict=True):
        if drawn.squares is not None:
            rng = np.random.default_rng(drawn.squares)
            for box in squares(crop.shape[1:], augmentation.squares, augmentation.squares_size, rng):
                crop[(0, *box)] = 0
    return crops


def _linear_change(crops: Tensor, draws: Sequence[Draw]) -> None:
    """Contrast and brightness of all crops."""
    contrast = _of_each([drawn.contrast for drawn in draws], crops)
    brightness = _of_each([drawn.brightness for drawn in draws], crops)
    crops.mul_(contrast).add_(brightness)


def _add_noise(crops: Tensor, draws: Sequence[Draw]) -> None:
    """White noise, each crop's from its own seed."""
    if not any(drawn.noise for drawn in draws):
        return
    noise = torch.zeros_like(crops)
    for row, drawn in zip(noise, draws, strict=True):
        if drawn.noise > 0:
            row.normal_(generator=torch.Generator(crops.device).manual_seed(drawn.noise_seed))
    crops.addcmul_(noise, _of_each([drawn.noise for drawn in draws], crops))


def _of_each(numbers: Sequence[float], crops: Tensor) -> Tensor:
    """A number for each crop, (b, 1, ...), to be broadcast over its pixels."""
    return torch.tensor(numbers).to(crops).reshape(-1, *[1] * (crops.ndim - 1))


def filtered_slices(crop: Tensor, transfer: Tensor) -> Tensor:
    """A crop (..., y, x), each slice multiplied in Fourier space by a transfer function (y, x // 2 + 1)."""
    spectrum = torch.fft.rfft2(crop)
    spectrum *= transfer
    filtered: Tensor = torch.fft.irfft2(spectrum, s=crop.shape[-2:])
    return filtered


def defocus_transfer(
    shape: Sequence[int], pixel_size: float, assumed: float, new: float
) -> NDArray[np.float32]:
    """What turns an image at one defocus into one at another: (y, x // 2 + 1), for filtered_slices.

    pixel_size: A/px of the crop. assumed, new: defocus, micrometres. CTF(new) / CTF(assumed), regularised
    so that it is 1 where the defocus stays or nothing was transferred: (c' c + w) / (c c + w), w = 0.1. The
    microscope is Lens(), 300 kV; one defocus holds for all slices of a volume.
    """
    axes = frequency_axes(shape[-2:], pixel_size)
    old, changed = (
        contrast_transfer(
            Lens(), Defocus(value * ANGSTROM_PER_MICROMETRE, value * ANGSTROM_PER_MICROMETRE), axes
        )
        for value in (assumed, new)
    )
    return np.asarray((changed * old + REGULARISATION) / (old**2 + REGULARISATION), dtype=np.float32)


def ice_map(shape: Sequence[int], rng: np.random.Generator) -> NDArray[np.float32]:
    """What one piece of contamination ice adds to a crop of that shape, in standard deviations.

    Dark by 1 to 3, with a bright rim as the fringe at its edge is; its radius is 0.08 to 0.25 of the crop's
    shorter side in the plane, rounded or hexagonal, and an ellipsoid's along z. It may lie partly outside.
    """
    radius = rng.uniform(0.08, 0.25) * min(shape[-2:])
    height = contamination_blob(radius, int(rng.choice([0, 6])), rng)
    rim = np.exp(-(((height - 0.2) / 0.15) ** 2)) * (height > 0)
    piece = rng.uniform(0.5, 1.5) * rim - rng.uniform(1, 3) * height
    for _ in shape[:-2]:
        half = max(1, round(radius * rng.uniform(0.3, 1)))
        profile = np.sqrt(1 - (np.arange(-half, half + 1) / (half + 1)) ** 2)
        piece = profile.reshape(-1, *[1] * piece.ndim) * piece
    added = np.zeros(shape, dtype=np.float32)
    centre = [int(rng.integers(length)) for length in shape]
    _stamp(added, piece, centre)
    return added


def _stamp(array: NDArray[np.float32], piece: NDArray[np.floating], centre: Sequence[int]) -> None:
    """Write what lies inside of a piece of odd sides, around a centre, into an array."""
    into, out_of = [], []
    for length, side, middle in zip(array.shape, piece.shape, centre, strict=True):
        first = middle - side // 2
        into.append(slice(max(first, 0), min(first + side, length)))
        out_of.append(slice(max(-first, 0), min(side, length - first)))
    array[tuple(into)] = piece[tuple(out_of)]


def squares(
    shape: Sequence[int], count: int, largest: int, rng: np.random.Generator
) -> list[tuple[slice, ...]]:
    """Where squares (cubes in 3D) of up to `largest` px a side are to be dropped out of a crop."""
    sides = rng.integers(1, largest + 1, size=count)
    centres = rng.integers(0, shape, size=(count, len(shape)))
    lows = centres - sides[:, None] // 2
    return [
        tuple(slice(max(int(low), 0), int(low) + int(side)) for low in corner)
        for corner, side in zip(lows, sides, strict=True)
    ]

"""What programs do to a micrograph before a person sees it: filters, flattening, denoising, clipping, 8 bits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Rim = tuple[int, int, int, int]  # top, bottom, left, right, px


@dataclass(frozen=True)
class Finish:
    """Changes in the order in which they are made; 0 leaves one out.

    shading: added smooth unevenness, in standard deviations of the image. low_pass: sigma of a Gaussian, px.
    denoise: how much of what is small after smoothing is taken away, 0 to 1. background: sigma (px) of what is
    subtracted. flatten: window (px) in which the contrast is made even. clip: per cent at both ends. levels:
    grey levels that are kept. rim: px at each edge (top, bottom, left, right) that repeat their last whole line.
    """

    shading: float = 0.0
    low_pass: float = 0.0
    denoise: float = 0.0
    background: float = 0.0
    flatten: float = 0.0
    clip: float = 0.0
    levels: int = 0
    rim: Rim = (0, 0, 0, 0)

    def apply(self, pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """A micrograph (y, x) after all of it; its mean is 0 and its spread about 1 until it is clipped."""
        image = standardised(pixels)
        if self.shading:
            image = image + np.float32(self.shading) * smooth_field(image.shape, rng)
        if self.low_pass:
            image = standardised(ndimage.gaussian_filter(image, self.low_pass, truncate=3))
        if self.denoise:
            image = standardised(denoised(image, self.denoise))
        if self.background:
            image = standardised(image - surroundings(image, self.background))
        if self.flatten:
            image = standardised(evened(image, self.flatten))
        return with_rim(self._quantised(image), self.rim)

    def _quantised(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.clip:
            image = np.clip(image, *np.percentile(image, [self.clip, 100 - self.clip]))
        if self.levels:
            low, high = float(image.min()), float(image.max())
            step = max((high - low) / (self.levels - 1), 1e-6)
            image = np.rint((image - low) / step) * np.float32(step)
        return np.asarray(image, dtype=np.float32)


def standardised(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean 0 and standard deviation 1, any shape; an image without contrast stays at 0."""
    centred = image - image.mean(dtype=np.float64)
    return np.asarray(centred / max(float(centred.std()), 1e-12), dtype=np.float32)


def smooth_field(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Unevenness over a whole image (y, x): a slope, a bowl and a soft wave; standard deviation 1."""
    y, x = (np.linspace(-1, 1, length, dtype=np.float32) for length in shape)
    y, x = y[:, None], x[None, :]
    a, b, c, d = rng.normal(size=4)
    wave = np.sin(rng.uniform(0, 4) * (y * np.sin(d) + x * np.cos(d)) + rng.uniform(0, 2 * np.pi))
    return standardised(np.asarray(a * y + b * x + c * (y**2 + x**2) + wave, dtype=np.float32))


def denoised(image: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
    """Smoothed where the neighbourhood is quiet and left as it is where it is not (Lee 1980, IEEE PAMI 2, 165)."""
    mean = ndimage.uniform_filter(image, 5)
    variance = np.maximum(ndimage.uniform_filter(image**2, 5) - mean**2, 1e-6)
    keep = np.clip((variance - np.median(variance)) / variance, 0, 1)
    smoothed = mean + keep * (image - mean)
    return np.asarray(image + np.float32(strength) * (smoothed - image), dtype=np.float32)


def evened(image: NDArray[np.float32], window: float) -> NDArray[np.float32]:
    """Contrast made even: what differs from the surroundings, over how much they vary, softly limited."""
    mean = surroundings(image, window)
    spread = np.sqrt(np.maximum(surroundings((image - mean) ** 2, window), 1e-6))
    return np.asarray(np.tanh((image - mean) / (2.5 * spread)), dtype=np.float32)


def surroundings(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """An image smoothed by about a Gaussian of that sigma (px): three running means, whatever the sigma."""
    width = max(1, round(np.sqrt(4 * sigma**2 + 1)))
    for _ in range(3):
        image = ndimage.uniform_filter(image, width)
    return image


def with_rim(image: NDArray[np.float32], rim: Rim) -> NDArray[np.float32]:
    """A copy whose edges repeat their last whole line, as filters and drift correction leave it."""
    top, bottom, left, right = rim
    inner = image[top : len(image) - bottom, left : image.shape[1] - right]
    return np.pad(inner, ((top, bottom), (left, right)), mode="edge")

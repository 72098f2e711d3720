"""Runs scikit-image's blob_log over a folder of images; any Python that has scikit-image can run this file.

    python run_blob_log.py FOLDER DIAMETER

Reads FOLDER/*.npy (y, x), dark particles of that diameter in px; writes FOLDER/blobs/*.npy (n, 3): y, x and the
scale-normalised response. Nothing is pruned here, so that a weak blob never hides a strong one.
"""

import sys
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.feature import blob_log

FACTORS = (0.85, 1.0, 1.15)  # of the diameter
LEAST_RESPONSE = 0.02  # of an image of unit variance


def main() -> None:
    """Find the blobs of every image."""
    folder, diameter = Path(sys.argv[1]), float(sys.argv[2])
    (folder / "blobs").mkdir(exist_ok=True)
    for path in sorted(folder.glob("*.npy")):
        np.save(folder / "blobs" / path.name, blobs(-np.load(path), diameter))


def blobs(image: np.ndarray, diameter: float) -> np.ndarray:
    """Bright blobs as (n, 3): y, x and response. A disc answers most at sigma = radius / sqrt 2."""
    sigmas = [factor * diameter / 2 / np.sqrt(2) for factor in FACTORS]
    found = blob_log(
        image, sigmas[0], sigmas[-1], len(sigmas), threshold=LEAST_RESPONSE, overlap=1, exclude_border=False
    )
    responses = {sigma: -(sigma**2) * ndimage.gaussian_laplace(image, sigma) for sigma in sigmas}
    rows = [(y, x, responses[nearest(sigmas, sigma)][int(y), int(x)]) for y, x, sigma in found]
    return np.array(rows).reshape(-1, 3)


def nearest(values: list[float], value: float) -> float:
    """The one of the values that is nearest to a value."""
    return min(values, key=lambda one: abs(one - value))


if __name__ == "__main__":
    main()

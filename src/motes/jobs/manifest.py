"""The list of the images that a run is trained and validated on."""

import csv
import io
from pathlib import Path

from motes.errors import OutputError
from motes.jobs.parts import Parts
from motes.output import write_text

MANIFEST = "data.csv"
MANIFEST_COLUMNS = (
    "image",
    "part",
    "group",
    "particles",
    "objects",
    "diameter_px",
    "pixel_size",
    "weight",
    "sha256",
    "image_sha256",
)


def keep_manifest(run: Path, parts: Parts, resume: bool) -> None:
    """Write data.csv; with resume see that the data are still the same."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(MANIFEST_COLUMNS)
    for part, images in (("train", parts.train), ("validation", parts.validation)):
        for image in images:
            size = "" if image.pixel_size is None else f"{image.pixel_size:.6g}"
            counts = ["" if count is None else count for count in (image.particles, image.objects)]
            diameters = " ".join(f"{diameter:.6g}" for diameter in image.diameters)
            weight = f"{image.labelled.weight:.6g}"
            hashes = [image.sha256, image.image_sha256]
            writer.writerow([image.name, part, image.group, *counts, diameters, size, weight, *hashes])
    kept = run / MANIFEST
    if resume and kept.exists() and kept.read_text(encoding="utf-8") != table.getvalue():
        raise OutputError(
            f"the images or their labels have changed since {run} began (see {kept}); use another folder"
        )
    write_text(kept, table.getvalue())

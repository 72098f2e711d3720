"""motes simulate."""

from pathlib import Path
from typing import Annotated

import typer

from motes.units import parse_length

app = typer.Typer(help="Make labelled images from physics, so that anything can be tried with no data.")


@app.callback()
def simulate() -> None:
    """Keep the kind of image a word of its own: motes simulate micrographs OUT."""


@app.command()
def micrographs(
    out: Annotated[Path, typer.Argument(help="Folder for images and picks.", metavar="OUT")],
    count: Annotated[int, typer.Option(help="How many micrographs.", min=1)] = 10,
    size: Annotated[str, typer.Option(help="Pixels: 1024, or 4096x3072 (height first).")] = "1024",
    pixel_size: Annotated[float, typer.Option(help="A/px.")] = 4.0,
    diameter: Annotated[float | None, typer.Option(help="Of the particle in Angstrom.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0)] = 0,
    structure: Annotated[
        list[str] | None,
        typer.Option(help="A PDB, mmCIF or MRC file in place of a generated shape; may be repeated."),
    ] = None,
    snr: Annotated[float | None, typer.Option(help="Signal-to-noise ratio inside the particles.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier simulation.")] = False,
) -> None:
    """Simulate cryo-EM micrographs with their true centres."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.simulate import MicrographRequest, simulate_micrographs

    request = MicrographRequest(
        size=size,
        pixel_size=pixel_size,
        diameter=diameter,
        seed=seed,
        structures=tuple(structure or ()),
        snr=snr,
    )
    written = simulate_micrographs(request, out, count, overwrite=overwrite, teller=Terminal())
    OUT.print(
        f"{len(written)} micrographs in {out / 'images'}, their centres in {out / 'picks'}", markup=False
    )
    OUT.print(
        f"next: motes train micrographs --images {out / 'images'} --picks {out / 'picks'} --out run",
        markup=False,
    )


@app.command()
def worlds(
    out: Annotated[Path, typer.Argument(help="Folder for images and picks.", metavar="OUT")],
    count: Annotated[int, typer.Option(help="How many micrographs.", min=1)] = 10,
    size: Annotated[int, typer.Option(help="Side, px; particles are about 22 px across.", min=128)] = 512,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0)] = 0,
    held_out: Annotated[
        bool,
        typer.Option("--held-out", help="Shapes and noise that the shipped model was not trained on."),
    ] = False,
    snr: Annotated[float | None, typer.Option(help="Signal-to-noise ratio inside the particles.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier simulation.")] = False,
) -> None:
    """Simulate micrographs that each differ in everything: what the shipped model is trained and tested on."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.simulate import WorldsRequest, simulate_worlds

    request = WorldsRequest(size, seed, held_out, snr)
    drawn = simulate_worlds(request, out, count, overwrite=overwrite, teller=Terminal())
    OUT.print(f"{len(drawn)} micrographs in {out / 'images'}, their centres in {out / 'picks'}", markup=False)
    OUT.print(f"next: motes pick {out / 'images'} --diameter 22px --out picked", markup=False)


@app.command()
def tomograms(
    out: Annotated[
        Path, typer.Argument(help="Folder for tomograms, picks and a copick project.", metavar="OUT")
    ],
    count: Annotated[int, typer.Option(help="How many tomograms.", min=1)] = 5,
    size: Annotated[
        str, typer.Option(help="Voxels: 184x630x630 (z, y, x), or 64x256x256 for a quick one.")
    ] = "184x630x630",
    voxel_size: Annotated[float, typer.Option(help="A.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0)] = 0,
    density: Annotated[float, typer.Option(help="Times the usual number of particles.", min=0)] = 1.0,
    at_least: Annotated[
        int, typer.Option("--at-least", help="Particles of every class in a tomogram, at least.", min=0)
    ] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier simulation.")] = False,
) -> None:
    """Simulate cryo-electron tomograms of six kinds of particles: tilt series, noise, weighted back-projection."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.simulate import TomogramRequest, simulate_tomograms

    request = TomogramRequest(size, voxel_size, seed, density, at_least)
    written = simulate_tomograms(request, out, count, overwrite=overwrite, teller=Terminal())
    OUT.print(
        f"{len(written)} tomograms in {out / 'tomograms'}, their centres in {out / 'picks'}; "
        f"all as a copick project: {out / 'config.json'}",
        markup=False,
    )
    OUT.print(
        f"next: motes train tomogram --images {out / 'tomograms'} --picks {out / 'picks'} --out run",
        markup=False,
    )


@app.command()
def beads(
    out: Annotated[Path, typer.Argument(help="Folder for images, labels and picks.", metavar="OUT")],
    count: Annotated[int, typer.Option(help="How many images.", min=1)] = 10,
    size: Annotated[str, typer.Option(help="Pixels: 256, or 512x768 (height first).")] = "256",
    density: Annotated[int, typer.Option(help="Beads in an image.", min=0)] = 109,
    diameter: Annotated[
        str | None, typer.Option(help="Mean diameter of a bead, px; by default 18.", metavar="D")
    ] = None,
    fluorescence: Annotated[
        bool, typer.Option("--fluorescence", help="Beads that shine, in place of bright field.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier simulation.")] = False,
) -> None:
    """Simulate dense microbeads in a light microscope, with the outline of each."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.simulate import BeadsRequest, simulate_beads

    across = None if diameter is None else parse_length(diameter, "px").in_pixels(None)
    request = BeadsRequest(size, density, across, fluorescence, seed)
    written = simulate_beads(request, out, count, overwrite=overwrite, teller=Terminal())
    OUT.print(
        f"{len(written)} images in {out / 'images'}, the number of the bead at each pixel in {out / 'labels'}, "
        f"centres in {out / 'picks'}",
        markup=False,
    )
    OUT.print(
        f"next: motes train objects --images {out / 'images'} --masks {out / 'labels'} --out run",
        markup=False,
    )

"""Labelled images from physics, so that everything runs and is tested with no download."""

from motes.simulate.micrographs import SimulatedMicrograph, simulate_micrograph
from motes.simulate.tomogram_world import TomogramWorld
from motes.simulate.tomograms import SimulatedTomogram, simulate_tomogram
from motes.simulate.world import MicrographWorld
from motes.simulate.write import write_micrographs
from motes.simulate.write_tomograms import write_tomograms

__all__ = [
    "MicrographWorld",
    "SimulatedMicrograph",
    "SimulatedTomogram",
    "TomogramWorld",
    "simulate_micrograph",
    "simulate_tomogram",
    "write_micrographs",
    "write_tomograms",
]

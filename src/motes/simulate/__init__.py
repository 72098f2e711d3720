"""Labelled images from physics, so that everything runs and is tested with no download."""

from motes.simulate.micrographs import SimulatedMicrograph, simulate_micrograph
from motes.simulate.world import MicrographWorld
from motes.simulate.write import write_micrographs

__all__ = ["MicrographWorld", "SimulatedMicrograph", "simulate_micrograph", "write_micrographs"]

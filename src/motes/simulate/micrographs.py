"""Simulated micrographs with their truth."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.image import Image
from motes.physics.ctf import Defocus, Lens, b_factor_envelope, contrast_transfer, source_envelope
from motes.physics.detector import gain, modulation_transfer, with_hot_pixels
from motes.physics.dose import counted, electrons_per_pixel
from motes.physics.fourier import coloured_noise, filtered, frequency_axes, frequency_radius
from motes.physics.ice import ice_granularity, thickness_map, transmission
from motes.physics.potential import CARBON, ICE, granularity, interaction_parameter, protein_phase
from motes.picks import Picks
from motes.simulate.chance import chance
from motes.simulate.orientations import relion_angles
from motes.simulate.placement import fraction_seen
from motes.simulate.scene import Particles, Scene, Stream, build_scene, painted_phase
from motes.simulate.world import MicrographWorld

CARBON_THICKNESS = 150.0  # A
CARBON_TRANSMISSION = 0.9
GOLD_TRANSMISSION = 0.3
PHASE_LIMIT = 0.5  # rad; above it the weak-phase picture fails, and thick ice saturates instead


@dataclass(frozen=True)
class SimulatedMicrograph:
    """A micrograph in counted electrons, its truth, and the numbers that were drawn for it.

    Truth picks carry class, diameter (px) and the columns visibility (0 to 1), snr (of the one particle), rot, tilt
    and psi (degrees, RELION's convention).
    """

    image: Image
    picks: Picks
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Layers:
    """What a micrograph is the sum of, (y, x) float32 each, relative to the mean of an empty image.

    signal: the particles. background: everything else without noise. noise: of ice and counting, as scaled.
    """

    signal: NDArray[np.float32]
    background: NDArray[np.float32]
    noise: NDArray[np.float32]


@dataclass(frozen=True)
class _Optics:
    lens: Lens
    defocus: Defocus
    transfer: NDArray[np.float32]
    frequency: NDArray[np.float64]


def simulate_micrograph(world: MicrographWorld, seed: int, index: int) -> SimulatedMicrograph:
    """Micrograph `index` of the run with that seed; it does not depend on how many are made.

    Raises RecipeError and InputError for structures that cannot be used.
    """
    scene = build_scene(world, seed, index)
    picks = truth(world, scene)
    layers, parameters = render(world, scene, picks, seed, index)
    picks = replace(picks, extra={**picks.extra, "snr": each_signal_to_noise(layers, picks)})
    camera = chance(seed, index, Stream.CAMERA)
    electrons = electrons_per_pixel(world.dose, world.pixel_size) * world.quantum_efficiency
    counts = (layers.signal + layers.background + layers.noise) * np.float32(electrons)
    if world.gain_variation:
        counts *= gain(counts.shape, world.gain_variation, camera)
    pixels = with_hot_pixels(counts, world.hot_pixels, camera)
    image = Image(pixels.astype(np.float32), world.pixel_size, f"mic_{index + 1:04d}.mrc")
    return SimulatedMicrograph(image, picks, parameters)


def truth(world: MicrographWorld, scene: Scene) -> Picks:
    """The particles with their centre in the image of which enough is seen."""
    particles, species = scene.particles, scene.species
    points = particles.centres - scene.margin
    names = np.array([species[kind].name for kind in particles.kinds], dtype=np.str_)
    diameters = np.array([species[kind].diameter for kind in particles.kinds], dtype=np.float64)
    covered = scene.inner(scene.covered)
    seen = np.array([fraction_seen(p, d / 2, covered) for p, d in zip(points, diameters, strict=True)])
    angles = relion_angles(particles.rotations)
    extra = {"visibility": seen.astype(np.float64)}
    extra.update(zip(("rot", "tilt", "psi"), angles.T, strict=True))
    inside = ((points >= 0) & (points <= np.array(world.size) - 1)).all(axis=1)
    every = Picks(points, None, names, diameters, extra)
    return every.select(inside & (seen >= world.minimum_visibility))


def render(
    world: MicrographWorld, scene: Scene, picks: Picks, seed: int, index: int
) -> tuple[Layers, dict[str, Any]]:
    """The layers of a scene as the microscope shows it, and the numbers that were drawn."""
    optics = _optics(world, scene, chance(seed, index, Stream.OPTICS))
    transmitted = _transmitted(world, scene, chance(seed, index, Stream.THICKNESS))
    phase = painted_phase(world, scene.canvas, scene.species, scene.particles) * (1 - scene.covered)
    signal = _seen(scene, optics, phase) * transmitted
    background = (1 + _seen(scene, optics, _background_phase(world, scene, seed, index))) * transmitted
    grain = _ice_grain(world, scene, optics, chance(seed, index, Stream.ICE)) * transmitted
    noise = grain + _shot(world, signal + background + grain, chance(seed, index, Stream.SHOT))
    if (picks.extra["visibility"] > 0.1).any():
        measured = signal_to_noise(signal, noise, picks)
    else:
        alone = _lone_particle(world, scene, optics) * transmitted
        measured = signal_to_noise(alone, noise, _middle(world, scene))
    factor = 1.0 if world.snr is None else float(np.sqrt(measured / world.snr))
    parameters = {
        "structures": [each.name for each in scene.species],
        "particles": len(picks),
        "defocus_u": optics.defocus.u,
        "defocus_v": optics.defocus.v,
        "defocus_angle": optics.defocus.angle,
        "phase_shift": optics.defocus.phase_shift,
        "snr": measured / factor**2,
        "noise_factor": factor,
        "carbon": bool(scene.inner(scene.carbon).any()),
        "contaminated": float((scene.inner(scene.contamination) > 0).mean()),
    }
    return Layers(signal, background, noise * np.float32(factor)), parameters


def each_signal_to_noise(layers: Layers, picks: Picks) -> NDArray[np.float64]:
    """The signal-to-noise ratio within the disc of each particle, (n,)."""
    return np.array(
        [
            signal_to_noise(layers.signal, layers.noise, picks.select(np.array([k])))
            for k in range(len(picks))
        ],
        dtype=np.float64,
    )


def signal_to_noise(signal: NDArray[np.float32], noise: NDArray[np.float32], picks: Picks) -> float:
    """Variance of the signal over that of the noise, on the pixels within the discs of the picks."""
    discs = np.zeros(signal.shape, dtype=bool)
    radii = np.zeros(len(picks)) if picks.diameters is None else picks.diameters / 2
    for centre, radius in zip(picks.points, radii, strict=True):
        low = np.maximum(np.floor(centre - radius), 0).astype(int)
        high = np.ceil(centre + radius).astype(int) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        axes = np.ogrid[tuple(slice(a, a + n) for a, n in zip(low, discs[box].shape, strict=True))]
        discs[box] |= sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) <= radius**2
    return float(signal[discs].var(dtype=np.float64) / noise[discs].var(dtype=np.float64))


def _optics(world: MicrographWorld, scene: Scene, rng: np.random.Generator) -> _Optics:
    lens = Lens(world.voltage, world.spherical_aberration, world.amplitude_contrast)
    mean, half = rng.uniform(*world.defocus), rng.uniform(0, world.astigmatism) / 2
    angle, shift = rng.uniform(0, 180), rng.uniform(*world.phase_shift)
    defocus = Defocus(float(mean + half), float(mean - half), float(angle), float(shift))
    axes = frequency_axes(scene.canvas, world.pixel_size)
    transfer = contrast_transfer(lens, defocus, axes) * b_factor_envelope(axes, world.b_factor)
    transfer *= source_envelope(lens, defocus, axes, world.convergence_angle)
    transfer *= modulation_transfer(scene.canvas, world.detector_spread)
    return _Optics(lens, defocus, transfer.astype(np.float32), frequency_radius(axes))


def _seen(scene: Scene, optics: _Optics, phase: NDArray[np.float32]) -> NDArray[np.float32]:
    """Relative contrast of a weak phase object (rad, on the canvas) in the image."""
    return -2 * scene.inner(filtered(phase, optics.transfer))


def _transmitted(world: MicrographWorld, scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    """Fraction of electrons left by ice and carbon, relative to ice of the mean thickness."""
    thickness = thickness_map(world.size, world.ice_thickness, world.thickness_gradient, rng)
    thickness = thickness - np.float32(world.ice_thickness) + scene.inner(scene.contamination)
    left = transmission(thickness) * (1 - np.float32(1 - CARBON_TRANSMISSION) * scene.inner(scene.carbon))
    left *= 1 - np.float32(1 - GOLD_TRANSMISSION) * scene.inner(scene.gold)
    return np.asarray(left * np.maximum(1 + scene.inner(scene.scratches), 0), dtype=np.float32)


def _background_phase(world: MicrographWorld, scene: Scene, seed: int, index: int) -> NDArray[np.float32]:
    """Phase (rad) of what is neither particle nor ice: clutter, contamination, carbon and its grain."""
    phase = painted_phase(world, scene.canvas, scene.clutter_species, scene.clutter) * (1 - scene.covered)
    per_angstrom = interaction_parameter(world.voltage) * ICE.potential
    phase += PHASE_LIMIT * np.tanh(scene.contamination * np.float32(per_angstrom / PHASE_LIMIT))
    phase += np.float32(PHASE_LIMIT) * scene.gold + np.float32(protein_phase(world.voltage)) * scene.filaments
    if scene.carbon.any():
        amplitude = world.carbon_grain * granularity(
            CARBON, CARBON_THICKNESS, world.voltage, world.pixel_size
        )
        grain = chance(seed, index, Stream.CARBON).standard_normal(scene.canvas, dtype=np.float32)
        phase += scene.carbon * (np.float32(PHASE_LIMIT) + np.float32(amplitude) * grain)
    return phase.astype(np.float32)


def _ice_grain(
    world: MicrographWorld, scene: Scene, optics: _Optics, rng: np.random.Generator
) -> NDArray[np.float32]:
    amplitude = ice_granularity(optics.frequency, world.ice_thickness, world.voltage, world.pixel_size)
    amplitude = -2 * world.ice_noise * amplitude * optics.transfer
    return scene.inner(coloured_noise(scene.canvas, amplitude.astype(np.float32), rng))


def _shot(
    world: MicrographWorld, expected: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """The noise of counting electrons, relative; expected is relative to the mean."""
    electrons = np.float32(electrons_per_pixel(world.dose, world.pixel_size) * world.quantum_efficiency)
    return counted(expected * electrons, rng) / electrons - expected


def _middle(world: MicrographWorld, scene: Scene) -> Picks:
    centre = np.array([world.size]) // 2
    return Picks(centre.astype(np.float64), diameters=np.array([scene.species[0].diameter]))


def _lone_particle(world: MicrographWorld, scene: Scene, optics: _Optics) -> NDArray[np.float32]:
    """The signal that one particle would give: what noise is scaled to in an image without particles."""
    centre = _middle(world, scene).points + scene.margin
    one = Particles(centre, np.zeros(1, np.intp), np.eye(3)[None])
    return _seen(scene, optics, painted_phase(world, scene.canvas, scene.species, one))

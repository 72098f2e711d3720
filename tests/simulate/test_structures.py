from pathlib import Path

import gemmi
import numpy as np
import pytest

from motes.errors import ImageError, InputError, RecipeError
from motes.formats.images import write_image
from motes.simulate.orientations import symmetry_group
from motes.simulate.shapes import SHAPES, ball, build_shape, filled, ring, rod, shell
from motes.simulate.structures import coarser, extent, from_file, from_name, read_atoms, splatted

GROUP_OF = {
    "apoferritin_like": "O",
    "beta_galactosidase_like": "D2",
    "proteasome_like": "D7",
    "virus_like": "I",
}
SYMMETRIC = [*GROUP_OF.items(), *((f"assembly_{g}", g) for g in ("C3", "D4", "T", "O", "I"))]


@pytest.mark.parametrize(("name", "group"), SYMMETRIC)
def test_a_shape_is_unchanged_by_its_group(name: str, group: str) -> None:
    shape = build_shape(name, 100, np.random.default_rng(0))
    points = np.random.default_rng(1).uniform(-60, 60, (500, 3))
    expected = shape(points)
    for rotation in symmetry_group(group):
        assert shape(points @ rotation.T) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", [*SHAPES, "assembly_C1", "assembly_D3"])
def test_every_shape_reaches_its_diameter_and_no_further(name: str) -> None:
    structure = from_name(name, 120, 4.0, np.random.default_rng(0))
    grid = np.indices(structure.density.shape) - np.reshape(structure.centre, (3, 1, 1, 1))
    radius = np.sqrt((grid**2).sum(axis=0)) * structure.voxel_size
    assert radius[structure.density > 0.5].max() == pytest.approx(60, abs=5)
    assert structure.density.dtype == np.float32
    assert structure.density[0].max() == 0


@pytest.mark.parametrize(
    ("shape", "volume"),
    [
        (ball(20), 4 / 3 * np.pi * 20**3),
        (shell(20, 8), 4 / 3 * np.pi * (20**3 - 12**3)),
        (ring(20, 8), 2 * np.pi**2 * 16 * 4**2),
        (rod(40, 12), np.pi * 6**2 * 28 + 4 / 3 * np.pi * 6**3),
    ],
)
def test_solids_have_their_volume(shape, volume: float) -> None:
    assert filled(shape, 45, 1.0).sum() == pytest.approx(volume, rel=0.01)


def test_unknown_structures_are_named_with_a_hint() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'virus_like'"):
        from_name("viruslike", 100, 4, np.random.default_rng(0))


def test_splatting_keeps_mass_and_centre() -> None:
    rng = np.random.default_rng(0)
    positions, weights = rng.uniform(2, 9, (50, 3)), rng.uniform(1, 20, 50)
    cube = splatted(positions, weights, 12)
    assert cube.sum() == pytest.approx(weights.sum())
    centre = [(cube * axis).sum() / cube.sum() for axis in np.indices(cube.shape)]
    assert centre == pytest.approx(np.average(positions, axis=0, weights=weights))


def test_fewer_voxels_keep_the_integral_and_the_place() -> None:
    density = filled(ball(9, (1.0, 2.0, -3.0)), 40, 1.0, softness=4)
    small = coarser(density, 25)
    assert small.sum() * (40 / 25) ** 3 == pytest.approx(density.sum(), rel=1e-4)
    (old, wide), (new, narrow) = extent(density), extent(np.maximum(small, 0))
    assert new * 40 / 25 == pytest.approx(old, abs=0.05)
    assert narrow * 40 / 25 == pytest.approx(wide, abs=1.5)


def carbon_model(positions: np.ndarray) -> gemmi.Structure:
    structure = gemmi.Structure()
    model, chain, residue = gemmi.Model(1), gemmi.Chain("A"), gemmi.Residue()
    residue.name, residue.seqid = "ALA", gemmi.SeqId("1")
    for number, position in enumerate(positions):
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = f"C{number}", gemmi.Element("C"), gemmi.Position(*position)
        residue.add_atom(atom)
    chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    return structure


def test_an_atomic_model_is_a_density_about_its_centre_of_mass(tmp_path: Path) -> None:
    positions = np.random.default_rng(0).normal((100, 50, -20), 12, size=(60, 3))
    path = tmp_path / "model.pdb"
    carbon_model(positions).write_pdb(str(path))
    structure = from_file(path, 2.0)
    assert structure.name == "model"
    assert structure.density.sum() * structure.voxel_size**3 == pytest.approx(60 * 12.011 / 0.813, rel=0.01)
    centre, _ = extent(structure.density)
    assert centre == pytest.approx(structure.centre, abs=0.02)
    farthest = np.linalg.norm(positions - positions.mean(axis=0), axis=1).max()
    assert structure.diameter == pytest.approx(2 * farthest + 3, abs=0.01)


def test_biological_assembly_one_is_taken(tmp_path: Path) -> None:
    model = carbon_model(np.array([[10.0, 0, 0], [12.0, 3, 1]]))
    operators = [
        gemmi.Transform(),
        gemmi.Transform(gemmi.Mat33([[-1, 0, 0], [0, -1, 0], [0, 0, 1]]), gemmi.Vec3(0, 0, 0)),
    ]
    generator = gemmi.Assembly.Gen()
    generator.chains = ["A"]
    for transform in operators:
        operator = gemmi.Assembly.Operator()
        operator.transform = transform
        generator.operators.append(operator)
    assembly = gemmi.Assembly("1")
    assembly.generators.append(generator)
    model.assemblies.append(assembly)
    path = tmp_path / "dimer.pdb"
    model.write_pdb(str(path))
    positions, masses = read_atoms(path)
    assert len(masses) == 4
    assert positions.mean(axis=0)[:2] == pytest.approx([0, 0])


def test_a_map_keeps_its_size_and_finds_its_centre(tmp_path: Path) -> None:
    density = 3.0 * filled(ball(30, (8.0, -4.0, 12.0)), 64, 2.0) + 0.5
    path = tmp_path / "ball.mrc"
    write_image(path, density.astype(np.float32), 2.0)
    structure = from_file(path, 2.0)
    assert structure.diameter == pytest.approx(60, abs=3)
    assert extent(structure.density)[0] == pytest.approx(structure.centre, abs=0.05)
    inside = structure.density[structure.density > 0.5]
    assert inside.mean() == pytest.approx(1, abs=0.1)
    coarse = from_file(path, 5.0)
    assert coarse.diameter == pytest.approx(structure.diameter, rel=0.01)
    assert coarse.density.shape[0] < structure.density.shape[0]
    assert coarse.density.sum() * coarse.voxel_size**3 == pytest.approx(
        structure.density.sum() * structure.voxel_size**3, rel=0.01
    )


def test_bad_structure_files_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no structure file"):
        from_file(tmp_path / "missing.pdb", 2.0)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="not a kind of structure file"):
        from_file(tmp_path / "notes.txt", 2.0)
    (tmp_path / "empty.pdb").write_text("REMARK nothing\n")
    with pytest.raises(InputError, match="no atoms"):
        from_file(tmp_path / "empty.pdb", 2.0)
    (tmp_path / "broken.cif").write_text("data_x\nloop_\n_a\n_b\n1\n")
    with pytest.raises(InputError, match=r"broken\.cif"):
        from_file(tmp_path / "broken.cif", 2.0)
    write_image(tmp_path / "flat.mrc", np.ones((16, 16, 16), np.float32), 2.0)
    with pytest.raises(ImageError, match="constant"):
        from_file(tmp_path / "flat.mrc", 2.0)
    write_image(tmp_path / "unknown.mrc", np.ones((16, 16, 16), np.float32), None)
    with pytest.raises(ImageError, match="voxel size"):
        from_file(tmp_path / "unknown.mrc", 2.0)

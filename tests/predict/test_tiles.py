import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motes.predict.tiles import tiles


@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=3),
    st.integers(1, 64),
    st.integers(0, 40),
    st.sampled_from([1, 4, 8]),
)
def test_every_pixel_is_answered_for_once_and_surrounded_by_the_halo(blocks, side, halo, multiple):
    shape = tuple(n * multiple for n in blocks)
    answered = np.zeros(shape, dtype=int)
    for tile in tiles(shape, side, halo, multiple):
        answered[tile.inner] += 1
        for inner, outer, size in zip(tile.inner, tile.outer, shape, strict=True):
            assert outer.start % multiple == outer.stop % multiple == 0
            assert outer.start == 0 or inner.start - outer.start >= halo
            assert outer.stop == size or outer.stop - inner.stop >= halo
        shown = np.zeros(tuple(s.stop - s.start for s in tile.outer))
        assert shown[tile.inner_in_outer].shape == answered[tile.inner].shape
    assert (answered == 1).all()

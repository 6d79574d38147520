"""The landmark lists agree with the measured face."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.motion.atlas import load_atlas
from pipelines.portrait import topology

NOSE_TIP = 4


@pytest.mark.parametrize("name", ["oval", "lips", "lips_inner", "nose"])
def test_middle_rings_are_their_own_mirror(name: str) -> None:
    ring = topology.RINGS[name]
    assert set(load_atlas().vertex_mirror[ring].tolist()) == set(ring.tolist())


@pytest.mark.parametrize("pair", [topology.EYES, topology.BROWS])
def test_left_rings_mirror_right_rings_vertex_by_vertex(pair: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_array_equal(load_atlas().vertex_mirror[pair[0]], pair[1])


def test_rings_have_no_vertex_twice_and_stay_on_the_mesh() -> None:
    for ring in topology.RINGS.values():
        assert len(set(ring.tolist())) == len(ring)
        assert ring.min() >= 0
        assert ring.max() < topology.N_MESH
    assert set(np.concatenate(topology.IRISES).tolist()) == set(range(topology.N_MESH, topology.N_LANDMARKS))


def test_right_is_image_left_and_top_is_up() -> None:
    mesh = load_atlas().mesh_mean
    for ring in topology.EYES:
        assert mesh[ring[1:8], 1].mean() < mesh[ring[9:], 1].mean()
    assert mesh[topology.EYE_RIGHT, 0].max() < mesh[topology.EYE_LEFT, 0].min()
    lips = mesh[topology.LIPS_OUTER]
    assert lips[topology.MOUTH_RIGHT, 0] < lips[topology.MOUTH_LEFT, 0]
    assert lips[topology.MOUTH_TOP, 1] < lips[topology.MOUTH_BOTTOM, 1]
    assert np.argmin(mesh[:, 2]) == NOSE_TIP


def test_lists_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        topology.OVAL[0] = 1

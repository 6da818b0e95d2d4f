"""The DCT bases: against SciPy, orthonormal, mirrored, and errors that say what is possible."""

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from baselines._shared.dct import CELL, COUNTS, TOP, dct_bases

# The published table, its two rows as FcaNet and MADGNet print them.
U = [0, 0, 6, 0, 0, 1, 1, 4, 5, 1, 3, 0, 0, 0, 3, 2, 4, 6, 3, 5, 5, 2, 6, 5, 5, 3, 3, 4, 2, 2, 6, 1]
V = [0, 1, 0, 5, 2, 0, 2, 0, 0, 6, 0, 4, 6, 3, 5, 2, 6, 3, 3, 3, 5, 1, 1, 2, 4, 2, 1, 1, 3, 0, 5, 3]


def test_top_frequencies() -> None:
    assert list(TOP) == list(zip(U, V, strict=True))
    assert len(set(TOP)) == 32


@pytest.mark.parametrize("size", [7, 14, 28, 56])
def test_bases_are_scipys(size: int) -> None:
    bases = dct_bases(32, size, torch.float64).numpy()
    for basis, (u, v) in zip(bases, TOP, strict=True):
        impulse = np.zeros((size, size))
        impulse[u * size // 7, v * size // 7] = 1
        np.testing.assert_allclose(basis, idctn(impulse, norm="ortho"), atol=1e-12, rtol=0)
        np.testing.assert_allclose(dctn(basis, norm="ortho"), impulse, atol=1e-12, rtol=0)


@pytest.mark.parametrize("size", [7, 14, 28, 56])
def test_orthonormal(size: int) -> None:
    flat = dct_bases(32, size, torch.float64).flatten(1)
    torch.testing.assert_close(
        flat @ flat.T, torch.eye(32, dtype=torch.float64), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("size", [7, 28])
def test_the_first_is_the_mean(size: int) -> None:
    constant = torch.full((1, size, size), 1 / size, dtype=torch.float64)
    torch.testing.assert_close(dct_bases(1, size, torch.float64), constant, atol=1e-15, rtol=0)


@pytest.mark.parametrize("size", [14, 21, 56])
def test_each_is_its_first_cell_mirrored(size: int) -> None:
    bases = dct_bases(32, size, torch.float64)
    cell = bases[:, :CELL, :CELL]
    row = torch.cat([cell if k % 2 == 0 else cell.flip(2) for k in range(size // CELL)], dim=2)
    whole = torch.cat([row if k % 2 == 0 else row.flip(1) for k in range(size // CELL)], dim=1)
    torch.testing.assert_close(bases, whole, atol=1e-12, rtol=0)


@pytest.mark.parametrize("count", COUNTS)
def test_fewer_are_the_first_ones(count: int) -> None:
    assert torch.equal(dct_bases(count, 14), dct_bases(32, 14)[:count])


def test_cast_after_float64() -> None:
    assert dct_bases(4, 28).dtype == torch.float32
    assert torch.equal(dct_bases(32, 28), dct_bases(32, 28, torch.float64).float())


@pytest.mark.parametrize("count", [0, 3, 33])
def test_a_count_without_a_table(count: int) -> None:
    with pytest.raises(ValueError, match=rf"K = {count} .*expected one of 1, 2, 4, 8, 16, 32"):
        dct_bases(count, 7)


@pytest.mark.parametrize(("size", "instead"), [(0, 7), (6, 7), (22, 21), (-7, 7)])
def test_a_size_that_is_no_multiple_of_seven(size: int, instead: int) -> None:
    with pytest.raises(ValueError, match=rf"N = {size} .*multiple of 7\. Use {instead}\."):
        dct_bases(1, size)

"""Whole models, compressed in every way that coremltools knows: equal, bit for bit, to what it decompresses itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import coremltools.optimize.coreml as cto
import numpy as np
import pytest
import torch
from torch import nn

from cxredge.mlprogram import load, read_graph
from mlprogram.converted import converted, saved, seeded

X = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@cache
def small(target: str, half: bool) -> Any:
    """Convolutions, depthwise, transposed and plain, and a matrix, as an ML Program."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3, groups=16), nn.ReLU(), nn.ConvTranspose2d(16, 8, 2)]
    return converted(seeded(nn.Sequential(*layers, nn.Flatten(), nn.Linear(200, 24)), X), X, target, half)


def configured(config: Any) -> cto.OptimizationConfig:
    return cto.OptimizationConfig(global_config=config)


def quantized(model: Any, joint: bool = False, **options: Any) -> Any:
    options = {"mode": "linear_symmetric", "dtype": "int8", "weight_threshold": 0} | options
    config = configured(cto.OpLinearQuantizerConfig(**options))
    return cto.linear_quantize_weights(model, config, joint_compression=joint)


def palettized(model: Any, joint: bool = False, **options: Any) -> Any:
    options = {"mode": "uniform", "nbits": 4, "weight_threshold": 0} | options
    config = configured(cto.OpPalettizerConfig(**options))
    return cto.palettize_weights(model, config, joint_compression=joint)


def pruned(model: Any, **options: Any) -> Any:
    kind = cto.OpThresholdPrunerConfig if "threshold" in options else cto.OpMagnitudePrunerConfig
    return cto.prune_weights(model, configured(kind(weight_threshold=0, **options)))


def expansions(path: Path) -> set[str]:
    return {node.type.removeprefix("constexpr_") for node in read_graph(path).nodes if "constexpr" in node.type}


def check(compressed: Any, folder: Path, expected: set[str]) -> None:
    """Every value of the compressed program is that of the program that coremltools decompressed."""
    path, plain = saved(compressed, folder, "compressed"), saved(cto.decompress_weights(compressed), folder, "plain")
    assert expansions(path) == expected
    assert expansions(plain) == set()
    values: list[dict[str, np.ndarray]] = [{}, {}]
    for place, seen in zip((path, plain), values, strict=True):
        load(place)({"x": X.numpy()}, seen.__setitem__)
    assert len(values[0]) >= 5
    assert list(values[0]) == list(values[1])
    for name, value in values[0].items():
        np.testing.assert_array_equal(value, values[1][name], err_msg=name)


QUICK = [
    ("iOS16", True, lambda m: quantized(m), {"affine_dequantize"}),
    ("iOS16", False, lambda m: palettized(m), {"lut_to_dense"}),
    ("iOS16", True, lambda m: pruned(m, target_sparsity=0.6), {"sparse_to_dense"}),
    (
        "iOS18",
        True,
        lambda m: quantized(m, dtype="uint4", mode="linear", granularity="per_channel"),
        {"blockwise_shift_scale"},
    ),
    ("iOS18", True, lambda m: palettized(m, nbits=3), {"lut_to_dense"}),
    (
        "iOS18",
        True,
        lambda m: quantized(pruned(m, target_sparsity=0.5), joint=True),
        {"sparse_blockwise_shift_scale", "sparse_to_dense"},
    ),
    (
        "iOS18",
        True,
        lambda m: palettized(pruned(m, target_sparsity=0.5), joint=True),
        {"lut_to_sparse", "sparse_to_dense"},
    ),
]
QUANTIZED = [
    (target, half, dtype, mode, granularity)
    for target, dtypes, granularities in (
        ("iOS16", ("int8", "uint8"), ("per_tensor", "per_channel")),
        ("iOS17", ("int8",), ("per_channel",)),
        ("iOS18", ("int8", "uint8", "int4", "uint4"), ("per_tensor", "per_channel", "per_block")),
    )
    for half in (True, False)
    for dtype in dtypes
    for mode in ("linear", "linear_symmetric")
    for granularity in granularities
]


@pytest.mark.parametrize(("target", "half", "compress", "expected"), QUICK)
def test_compressed(
    target: str, half: bool, compress: Callable[[Any], Any], expected: set[str], tmp_path: Path
) -> None:
    check(compress(small(target, half)), tmp_path, expected)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "half", "dtype", "mode", "granularity"), QUANTIZED)
def test_quantized(target: str, half: bool, dtype: str, mode: str, granularity: str, tmp_path: Path) -> None:
    block = {"block_size": 4} if granularity == "per_block" else {}
    made = quantized(small(target, half), dtype=dtype, mode=mode, granularity=granularity, **block)
    check(made, tmp_path, {"blockwise_shift_scale" if target == "iOS18" else "affine_dequantize"})


@pytest.mark.slow
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("mode", ["uniform", "kmeans", "unique"])
@pytest.mark.parametrize(
    ("target", "nbits"), [*(("iOS16", n) for n in (1, 2, 4, 6, 8)), *(("iOS18", n) for n in (1, 2, 3, 4, 6, 8))]
)
def test_palettized(target: str, nbits: int, mode: str, half: bool, tmp_path: Path) -> None:
    if mode == "unique":
        # few distinct weights, as many as a table holds
        config = configured(cto.OpPalettizerConfig(mode="unique", weight_threshold=0))
        few = palettized(small(target, half), nbits=nbits)
        made = cto.palettize_weights(cto.decompress_weights(few), config)
    else:
        made = palettized(small(target, half), nbits=nbits, mode=mode)
    check(made, tmp_path, {"lut_to_dense"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"granularity": "per_grouped_channel", "group_size": 4, "channel_axis": 0},
        {"granularity": "per_grouped_channel", "group_size": 8, "nbits": 2, "mode": "kmeans"},
        {"cluster_dim": 2, "mode": "kmeans", "nbits": 3},
        {"cluster_dim": 4, "mode": "kmeans", "nbits": 2},
        {"enable_per_channel_scale": True, "mode": "kmeans"},
    ],
)
def test_palettized_by_groups_and_vectors(options: dict[str, Any], tmp_path: Path) -> None:
    made = palettized(small("iOS18", True), **options)
    scaled = {"blockwise_shift_scale"} if "enable_per_channel_scale" in options else set()
    check(made, tmp_path, {"lut_to_dense"} | scaled)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["iOS16", "iOS18"])
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("options", [{"threshold": 0.05}, {"target_sparsity": 0.1}, {"target_sparsity": 0.99}])
def test_pruned(target: str, half: bool, options: dict[str, Any], tmp_path: Path) -> None:
    check(pruned(small(target, half), **options), tmp_path, {"sparse_to_dense"})


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int4", "uint4"])
@pytest.mark.parametrize("half", [True, False])
def test_pruned_and_quantized(dtype: str, half: bool, tmp_path: Path) -> None:
    made = quantized(pruned(small("iOS18", half), target_sparsity=0.7), joint=True, dtype=dtype)
    check(made, tmp_path, {"sparse_blockwise_shift_scale", "sparse_to_dense"})


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"nbits": n} for n in (1, 2, 3, 4, 6, 8)] + [{"nbits": 2, "mode": "kmeans"}])
def test_pruned_and_palettized(options: dict[str, Any], tmp_path: Path) -> None:
    made = palettized(pruned(small("iOS18", True), target_sparsity=0.7), joint=True, **options)
    check(made, tmp_path, {"lut_to_sparse", "sparse_to_dense"})


@pytest.mark.slow
@pytest.mark.parametrize("half", [True, False])
def test_palettized_and_quantized(half: bool, tmp_path: Path) -> None:
    made = quantized(palettized(small("iOS18", half)), joint=True, granularity="per_tensor")
    check(made, tmp_path, {"lut_to_dense", "blockwise_shift_scale"})

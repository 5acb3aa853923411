"""The weights file: coremltools' writer and reader agree with this reader, and what is damaged is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from coremltools.libmilstoragepython import _BlobStorageReader, _BlobStorageWriter
from hypothesis import given
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType, bits, storage
from cxredge.mlprogram.weights import RECORD, Weights, packed_size, unpack

KINDS = (
    "float32", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int4", "uint1", "uint2", "uint3",
    "uint4", "uint6",
)  # fmt: skip
METHODS = {"float32": "float", "float16": "fp16"}


def numbers(dtype: str, count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    if dtype.startswith("float"):
        return rng.standard_normal(count).astype(dtype)
    width = bits(dtype)
    low = -(1 << (width - 1)) if dtype.startswith("int") else 0
    # both ends are among them where there is room
    values = rng.integers(low, low + (1 << width), count)
    values[: min(count, 2)] = (low, low + (1 << width) - 1)[: min(count, 2)]
    return values.astype(storage(dtype))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 64, 1001])
@pytest.mark.parametrize("dtype", KINDS)
def test_agrees_with_coremltools(dtype: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / "weight.bin"
    values = numbers(dtype, count)
    method = METHODS.get(dtype, dtype)
    writer = _BlobStorageWriter(str(path))
    writer.write_float_data(np.arange(5, dtype=np.float32))
    offset = getattr(writer, f"write_{method}_data")(values.view(np.uint16) if dtype == "float16" else values)
    del writer
    made = Weights("weight.bin", bytearray(path.read_bytes())).read(offset, TensorType(dtype, (count,)))
    theirs = getattr(_BlobStorageReader(str(path)), f"read_{method}_data")(offset)
    np.testing.assert_array_equal(made, values)
    np.testing.assert_array_equal(made, theirs.view(np.float16) if dtype == "float16" else theirs)
    assert made.dtype == storage(dtype)


def packed(values: list[int], width: int) -> bytes:
    """The first number in the lowest bits: as one long integer."""
    whole = sum((v % (1 << width)) << (i * width) for i, v in enumerate(values))
    return whole.to_bytes((len(values) * width + 7) // 8, "little")


@given(st.sampled_from([("int4", 4), *((f"uint{n}", n) for n in (1, 2, 3, 4, 6))]), st.data())
def test_packed_numbers(kind: tuple[str, int], data: st.DataObject) -> None:
    dtype, width = kind
    low = -8 if dtype == "int4" else 0
    values = data.draw(st.lists(st.integers(low, low + (1 << width) - 1), max_size=40))
    declared = TensorType(dtype, (len(values), 1))
    assert packed_size(declared) == len(packed(values, width))
    assert unpack(packed(values, width), declared).tolist() == [[v] for v in values]


def file() -> bytearray:
    """One blob of four float32 at byte 64."""
    data = bytearray(64) + RECORD.pack(0xDEADBEEF, 2, 16, 128, 0).ljust(64, b"\0") + np.ones(4, np.float32).tobytes()
    struct.pack_into("<II", data, 0, 1, 2)
    return data


FOUR = TensorType("float32", (2, 2))


def test_whole_bytes_are_not_copied() -> None:
    data = file()
    made = Weights("w", data).read(64, FOUR)
    data[128:132] = struct.pack("<f", 7)
    assert made.tolist() == [[7, 1], [1, 1]]


@pytest.mark.parametrize("offset", [0, 1, 63, 65, 128, 1 << 20, (1 << 64) - 64])
def test_offsets_that_are_no_record(offset: int) -> None:
    refused(file(), offset, FOUR)


@pytest.mark.parametrize(
    ("place", "form", "value"),
    [
        (64, "<I", 0xDEADBEEE),  # the sentinel
        (68, "<I", 1),  # another dtype
        (68, "<I", 99),  # no dtype
        (72, "<Q", 12),  # another size
        (72, "<Q", (1 << 64) - 16),
        (80, "<Q", 132),  # data that is not aligned,
        (80, "<Q", 192),  # behind the end,
        (80, "<Q", (1 << 64) - 64),  # and far behind it
    ],
)
def test_damaged_records(place: int, form: str, value: int) -> None:
    data = file()
    struct.pack_into(form, data, place, value)
    refused(data, 64, FOUR)


@pytest.mark.parametrize("shape", [(5,), (3,), (), (0,), (1 << 20, 1 << 20)])
def test_shapes_that_the_record_does_not_have(shape: tuple[int, ...]) -> None:
    refused(file(), 64, TensorType("float32", shape))


@pytest.mark.parametrize("length", [0, 7, 63, 64, 127, 128, 143])
def test_short_files(length: int) -> None:
    refused(file()[:length], 64, FOUR)


def test_another_version() -> None:
    data = file()
    struct.pack_into("<I", data, 4, 1)
    refused(data, 64, FOUR)


def refused(data: bytearray, offset: int, declared: TensorType) -> None:
    with pytest.raises(InputError) as caught:
        Weights("weight.bin", data).read(offset, declared)
    assert caught.value.code == "MLPROGRAM-WEIGHTS"
    assert "weight.bin" in caught.value.cause

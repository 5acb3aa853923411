"""``weight.bin``: the file that holds a package's large constants.

Layout, little-endian (from coremltools' ``mlmodel/src/MILBlob/Blob/StorageFormat.hpp``): a file header of 64 bytes
(u32 number of blobs, u32 version 2), then blobs, each a record of 64 bytes at an offset that the model names (u32
0xDEADBEEF, u32 dtype, u64 bytes of data, u64 offset of data, u64 unused bits at the end) and its data. Records and data
begin at multiples of 64. Numbers of fewer than eight bits are packed, the first in the lowest bits.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError
from cxredge.mlprogram.types import TensorType, bits, is_signed, storage

SENTINEL = 0xDEADBEEF
VERSION = 2
ALIGNMENT = 64
RECORD = struct.Struct("<IIQQQ")
BLOB_TYPES = {
    1: "float16", 2: "float32", 3: "uint8", 4: "int8", 5: "bfloat16", 6: "int16", 7: "uint16", 8: "int4", 9: "uint1",
    10: "uint2", 11: "uint4", 12: "uint3", 13: "uint6", 14: "int32", 15: "uint32", 16: "float8e4m3fn",
    17: "float8e5m2",
}  # fmt: skip
FIX = "export the package again; its weights file is damaged"


class Weights:
    """One weights file. Constants are views of ``data`` where they can be."""

    def __init__(self, name: str, data: bytearray) -> None:
        """Raises InputError MLPROGRAM-WEIGHTS."""
        self._name, self._data = name, data
        version = struct.unpack_from("<I", data, 4)[0] if len(data) >= ALIGNMENT else None
        if version != VERSION:
            raise self._error(f"its header is short or of version {version}, not {VERSION}")

    def read(self, offset: int, declared: TensorType) -> NDArray[Any]:
        """The constant whose record lies at ``offset``, in the numpy dtype that holds ``declared.dtype``.

        Raises InputError MLPROGRAM-WEIGHTS when the record is not one, lies outside the file, or is of another dtype or
        size than ``declared``.
        """
        if offset % ALIGNMENT or offset + ALIGNMENT > len(self._data):
            raise self._error(f"a record at byte {offset} is not inside its {len(self._data)} bytes")
        sentinel, kind, size, start, _ = RECORD.unpack_from(self._data, offset)
        if sentinel != SENTINEL:
            raise self._error(f"there is no record at byte {offset}")
        held = BLOB_TYPES.get(kind, f"dtype number {kind}")
        if held != declared.dtype:
            raise self._error(f"the record at {offset} holds {held}, the model says {declared.dtype}")
        needed = packed_size(declared)
        if size != needed or start % ALIGNMENT or start + size > len(self._data):
            raise self._error(f"the record at {offset} has {size} bytes at {start}, the model needs {needed}")
        return unpack(memoryview(self._data)[start : start + size], declared)

    def __len__(self) -> int:
        return len(self._data)

    def _error(self, what: str) -> InputError:
        return InputError("MLPROGRAM-WEIGHTS", f"{self._name}: {what}", FIX)


def packed_size(declared: TensorType) -> int:
    """Bytes that a constant takes."""
    return (declared.elements * bits(declared.dtype) + 7) // 8


def unpack(data: bytes | memoryview, declared: TensorType) -> NDArray[Any]:
    """``data`` (``packed_size`` bytes) as an array of ``declared.shape``: a view, or sub-byte numbers widened."""
    width, dtype = bits(declared.dtype), storage(declared.dtype)
    if width >= 8:
        return np.frombuffer(data, dtype).reshape(declared.shape)
    stream = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: declared.elements * width]
    # each number's bits, padded with zeros to a byte
    values: NDArray[Any] = np.packbits(stream.reshape(-1, width), axis=1, bitorder="little").reshape(declared.shape)
    if is_signed(declared.dtype):
        sign = 1 << (width - 1)
        values = (values ^ sign) - sign
    return values.view(dtype)

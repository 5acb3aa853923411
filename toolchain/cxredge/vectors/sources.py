"""Writers of generated films: PNG and DICOM bytes written here, so that no encoder's release moves them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray


def png(pixels: NDArray[np.integer], extra: bytes = b"") -> bytes:
    """uint8 or uint16 [h, w], [h, w, 3] or [h, w, 4] -> a PNG whose rows use filters 0, 1 and 2 in turn.

    The data stands in stored deflate blocks (RFC 1951 3.2.4), so no zlib release can change a byte.
    extra: chunks to stand before the image data.
    """
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    wide = pixels.astype(">u2" if pixels.dtype == np.uint16 else np.uint8)
    raw = np.frombuffer(wide.tobytes(), dtype=np.uint8).reshape(height, -1)
    step = samples * wide.itemsize
    left = np.pad(raw, ((0, 0), (step, 0)))[:, : raw.shape[1]]
    above = np.pad(raw, ((1, 0), (0, 0)))[:-1]
    lines = b"".join(
        bytes([y % 3]) + (raw[y] - (np.zeros_like(raw[y]), left[y], above[y])[y % 3]).tobytes() for y in range(height)
    )
    kind = {1: 0, 3: 2, 4: 6}[samples]
    header = struct.pack(">IIBBBBB", width, height, 8 * wide.itemsize, kind, 0, 0, 0)
    parts = (chunk(b"IHDR", header), extra, chunk(b"IDAT", _stored(lines)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(name: bytes, payload: bytes) -> bytes:
    """One PNG chunk with its length and CRC."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def _stored(data: bytes) -> bytes:
    pieces = [data[at : at + 65535] for at in range(0, len(data), 65535)]
    blocks = [struct.pack("<BHH", piece is pieces[-1], len(piece), len(piece) ^ 0xFFFF) + piece for piece in pieces]
    return b"\x78\x01" + b"".join(blocks) + struct.pack(">I", zlib.adler32(data))


def jpeg(pixels: NDArray[np.uint8], orientation: int | None = None) -> bytes:
    """uint8[h, w] or [h, w, 3] -> a baseline JPEG without chroma subsampling, by Pillow."""
    from PIL import Image

    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92, subsampling=0, exif=exif)
    return out.getvalue()


def dicom(
    pixels: NDArray[np.integer], signed: bool = False, bits: int = 12, implicit: bool = False, **tags: Any
) -> bytes:
    """Integers [h, w] or [h, w, 3] -> an Explicit or Implicit VR Little Endian DICOM file.

    ``tags`` by keyword, None removes.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID = "2.25.1"
    # given here, because pydicom would write its own release
    film.file_meta.ImplementationClassUID, film.file_meta.ImplementationVersionName = "2.25.2", "CXREDGE"
    film.PatientName, film.PatientID, film.Modality = "Generated^Film", "NOBODY", "OT"
    allocated = 8 if bits <= 8 else 16
    film.Rows, film.Columns = pixels.shape[:2]
    film.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    film.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        film.PlanarConfiguration = 0
    film.BitsAllocated, film.BitsStored, film.HighBit = allocated, bits, bits - 1
    film.PixelRepresentation = int(signed)
    raw = pixels.astype(f"<{'i' if signed else 'u'}{allocated // 8}").tobytes()
    film.PixelData = raw + b"\0" * (len(raw) % 2)
    film["PixelData"].VR = "OW" if allocated == 16 else "OB"
    for keyword, value in tags.items():
        if value is None:
            delattr(film, keyword)
        else:
            setattr(film, keyword, value)
    out = BytesIO()
    film.save_as(out, enforce_file_format=True)
    return out.getvalue()


def lut(
    first: int, bits: int, entries: NDArray[np.integer], signed: bool = False, packed: bool = False
) -> list[object]:
    """A LUT sequence of one item; entries stand as 16-bit words, or two in a word.

    signed: write the descriptor as SS, else as US; ``first`` keeps its 16 bits, whichever of the two can hold it.
    """
    from pydicom.dataset import Dataset

    item = Dataset()
    words = [len(entries) & 0xFFFF, first & 0xFFFF, bits]
    if signed:
        words = [word - (word >> 15 << 16) for word in words]
    item.add_new("LUTDescriptor", "SS" if signed else "US", words)
    data = entries.astype("u1" if packed else "<u2").tobytes()
    item.add_new("LUTData", "OW", data + b"\0" * (len(data) % 2))
    return [item]


def scene(height: int, width: int, low: int, high: int, seed: int = 0) -> NDArray[np.int64]:
    """int64[height, width], low..high inclusive: a slope with a disc and noise, so that no two corners are alike."""
    rng = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:height, 0:width]
    # integer arithmetic throughout: floating-point libraries differ between platforms
    level = (2 * x * 256) // max(width, 1) + (y * 256) // max(height, 1)
    level += 200 * ((2 * x - width) ** 2 + (2 * y - height) ** 2 < (min(height, width) // 2) ** 2)
    level += rng.integers(0, 64, (height, width))
    return low + level * (high - low) // 1031

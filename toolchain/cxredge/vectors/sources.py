"""The generated films behind the vectors: PNG and DICOM bytes written here, so that no encoder's release moves them."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cxredge.recipe import InputSpec

Film = tuple[str, bytes, InputSpec, bool]
"""Name with suffix, file bytes, spec, and whether every decoder gives the same grey."""


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


def dicom(pixels: NDArray[np.integer], signed: bool = False, bits: int = 12, **tags: Any) -> bytes:
    """Integers [h, w] or [h, w, 3] -> an Explicit VR Little Endian DICOM file; ``tags`` by keyword, None removes."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
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


def lut(first: int, bits: int, entries: NDArray[np.integer], signed: bool = False) -> list[object]:
    """A LUT sequence of one item; entries stand as 16-bit words."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [len(entries), first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
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


def _spec(
    fit: Literal["pad", "crop", "squash"], height: int, width: int, channels: Literal[1, 3] = 1, pad: int = 0
) -> InputSpec:
    return InputSpec(height=height, width=width, fit=fit, channels=channels, pad_value=pad)


@cache
def films() -> tuple[Film, ...]:
    """Films that are read, over every rule of ``levels``, every fit, both scalings and the orientations."""
    grey8, grey12 = scene(61, 47, 0, 255).astype(np.uint8), scene(40, 53, 0, 4095)
    colour = np.stack([scene(45, 38, 0, 255, seed) for seed in (1, 2, 3)], axis=-1).astype(np.uint8)
    small = _spec("pad", 32, 32)
    stretch = small.model_copy(update={"no_window": "min-max"})
    middle = scene(40, 53, 700, 2900)
    negative = scene(40, 53, -2048, 2047)
    curve = np.arange(4096) ** 2 // 4112
    cases: list[Film] = [
        (f"grey8-{fit}-{h}x{w}.png", png(grey8), _spec(fit, h, w, pad=37 if fit == "pad" else 0), True)
        for fit in ("pad", "crop", "squash")
        for h, w in ((32, 32), (24, 41), (80, 64))
    ]
    cases += [
        ("grey16.png", png(scene(33, 50, 0, 65535).astype(np.uint16)), small, True),
        ("grey16-min-max.png", png(scene(33, 50, 900, 30000).astype(np.uint16)), stretch, True),
        ("grey-as-rgb.png", png(np.repeat(grey8[..., None], 3, axis=2)), small, True),
        ("opaque-alpha.png", png(np.dstack([grey8] * 3 + [np.full_like(grey8, 255)])), small, True),
        ("one-pixel.png", png(grey8[:1, :1]), small, True),
        ("one-row.png", png(grey8[:1]), _spec("crop", 16, 16), True),
        ("one-column.png", png(grey8[:, :1]), _spec("squash", 16, 16), True),
        ("colour.png", png(colour), _spec("pad", 32, 32, channels=3, pad=200), True),
        (
            "colour-min-max.png",
            png(colour // 2 + 20),
            _spec("crop", 40, 24, 3).model_copy(update={"no_window": "min-max"}),
            True,
        ),
        ("colour.dcm", dicom(colour, bits=8), _spec("squash", 32, 32, channels=3), True),
        ("grey8.jpg", jpeg(grey8), small, False),
        ("colour.jpg", jpeg(colour), _spec("squash", 32, 32, channels=3), False),
    ]
    cases += [(f"orientation-{tag}.jpg", jpeg(grey8, tag), small, False) for tag in range(1, 9)]
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    cases.append(("orientation-6.png", png(grey8, chunk(b"eXIf", exif)), small, True))
    window: dict[str, Any] = {"WindowCenter": 1800, "WindowWidth": 2100}
    rescale: dict[str, Any] = {"RescaleSlope": "0.5", "RescaleIntercept": "-1024"}
    mono1: dict[str, Any] = {"PhotometricInterpretation": "MONOCHROME1"}
    dicoms: list[tuple[str, bytes]] = [
        ("linear", dicom(grey12, **window)),
        ("mono1-linear", dicom(grey12, **window, **mono1)),
        ("linear-width-1", dicom(grey12, WindowCenter=2000, WindowWidth=1)),
        ("linear-exact", dicom(grey12, **window, VOILUTFunction="LINEAR_EXACT")),
        ("sigmoid", dicom(grey12, **window, VOILUTFunction="SIGMOID")),
        ("first-of-two-windows", dicom(grey12, WindowCenter=[900, 3000], WindowWidth=[700, 900])),
        ("rescale-window", dicom(grey12, WindowCenter="-200.5", WindowWidth="900.25", **rescale)),
        ("rescale-negative", dicom(grey12, RescaleSlope=-1, RescaleIntercept=4095)),
        ("signed-window", dicom(negative, signed=True, WindowCenter=40, WindowWidth=1500)),
        ("signed-no-window", dicom(negative, signed=True)),
        ("voi-lut", dicom(grey12, VOILUTSequence=lut(0, 12, curve))),
        ("voi-lut-8-bit", dicom(middle, VOILUTSequence=lut(1000, 8, np.arange(256)[::-1]))),
        ("voi-lut-before-window", dicom(grey12, VOILUTSequence=lut(0, 12, curve), **window)),
        ("mono1-voi-lut", dicom(grey12, VOILUTSequence=lut(0, 12, curve), **mono1)),
        ("modality-lut", dicom(grey12, ModalityLUTSequence=lut(0, 12, curve))),
        ("modality-lut-window", dicom(grey12, ModalityLUTSequence=lut(0, 12, curve), **window)),
        ("signed-modality-lut", dicom(negative, signed=True, ModalityLUTSequence=lut(-2048, 12, curve, signed=True))),
        ("no-window", dicom(middle)),
        ("mono1-no-window", dicom(middle, **mono1)),
        ("8-bit", dicom(grey8, bits=8)),
        ("16-bit", dicom(scene(33, 50, 0, 65535), bits=16)),
    ]
    cases += [(f"{name}.dcm", data, small, True) for name, data in dicoms]
    cases += [
        ("min-max.dcm", dicom(middle), stretch, True),
        ("mono1-min-max.dcm", dicom(middle, **mono1), stretch, True),
        ("min-max-rescale.dcm", dicom(middle, **rescale), stretch, True),
        ("min-max-modality-lut.dcm", dicom(middle, ModalityLUTSequence=lut(0, 12, curve)), stretch, True),
        ("min-max-keeps-window.dcm", dicom(middle, **window), stretch, True),
    ]
    return tuple(cases)


@cache
def refusals() -> tuple[tuple[str, bytes, InputSpec], ...]:
    """Files that are refused, as every reader must."""
    grey, spec = scene(20, 20, 0, 255).astype(np.uint8), _spec("pad", 16, 16)
    colour, flat = np.dstack([grey, grey, grey[::-1]]), np.full((20, 20), 7, dtype=np.uint8)
    stretch = spec.model_copy(update={"no_window": "min-max"})
    half = np.dstack([grey] * 3 + [np.full_like(grey, 128)])
    deep = scene(20, 20, 0, 4095)
    huge = chunk(b"IHDR", struct.pack(">IIBBBBB", 65535, 65535, 8, 0, 0, 0, 0))
    return (
        ("empty.png", b"", spec),
        ("text.png", b"not an image, whatever its name says", spec),
        ("colour.png", png(colour), spec),
        ("grey.png", png(grey), _spec("pad", 16, 16, channels=3)),
        ("translucent.png", png(half), spec),
        ("animated.png", png(grey, chunk(b"acTL", b"\0\0\0\x01\0\0\0\0")), spec),
        ("flat.png", png(flat), stretch),
        ("cut.png", png(grey)[:-20], spec),
        ("checksum.png", png(grey)[:-17] + b"\xff" + png(grey)[-16:], spec),
        ("huge.png", png(grey)[:8] + huge + png(grey)[33:], spec),
        ("cut.jpg", jpeg(grey)[:-30], spec),
        ("orientation-9.jpg", jpeg(grey, 9), spec),
        ("two-frames.dcm", dicom(deep, NumberOfFrames=2), spec),
        ("no-pixels.dcm", dicom(deep, PixelData=None), spec),
        ("cut.dcm", dicom(deep)[:-30], spec),
        ("colour.dcm", dicom(colour, bits=8), spec),
        ("palette.dcm", dicom(deep, PhotometricInterpretation="PALETTE COLOR"), spec),
        ("photometric.dcm", dicom(deep, PhotometricInterpretation="MONOCHROME3"), spec),
        ("polarity.dcm", dicom(deep, PresentationLUTShape="INVERSE"), spec),
        ("slope-0.dcm", dicom(deep, RescaleSlope=0, RescaleIntercept=0), spec),
        ("width-0.dcm", dicom(deep, WindowCenter=100, WindowWidth=0), spec),
        ("function.dcm", dicom(deep, WindowCenter=100, WindowWidth=9, VOILUTFunction="CUBIC"), spec),
        ("flat.dcm", dicom(np.full((20, 20), 700)), stretch),
        ("huge.dcm", dicom(deep, Rows=65535, Columns=65535), spec),
    )

"""The generated films behind the vectors: what every reader must read alike, and what every reader must refuse."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import numpy as np

from cxredge.recipe_input import InputSpec
from cxredge.vectors.sources import chunk, dicom, jpeg, lut, png, scene

Film = tuple[str, bytes, InputSpec, bool]
"""Name with suffix, file bytes, spec, and whether every decoder gives the same grey."""


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
        ("two-pixels.png", png(np.array([[40, 57]], dtype=np.uint8)), small, True),
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
    cases += [(f"{name}.dcm", data, small, True) for name, data in _easily_misread()]
    return tuple(cases)


def _easily_misread() -> Iterator[tuple[str, bytes]]:
    """Films whose header can be read in two ways, of which one gives a film of the same size and other levels."""
    deep, curve = scene(20, 26, 600, 1500), np.arange(1024) ** 2 // 1024
    signed = deep - 1024
    offset: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    # the first input of a LUT is signed where inputs can be negative, whatever its value representation
    negative, upper = lut(-440, 10, curve, signed=True), lut(33000, 10, curve, signed=True)
    for implicit in (False, True):
        way = "implicit" if implicit else "ss"
        yield f"voi-lut-negative-{way}", dicom(deep, implicit=implicit, VOILUTSequence=negative, **offset)
        yield f"voi-lut-beside-the-values-{way}", dicom(deep - 600, implicit=implicit, VOILUTSequence=negative)
        yield f"modality-lut-negative-{way}", dicom(signed, True, implicit=implicit, ModalityLUTSequence=negative)
    yield "voi-lut-negative-us", dicom(deep, VOILUTSequence=lut(-440, 10, curve), **offset)
    falling: dict[str, Any] = {"RescaleSlope": -1, "RescaleIntercept": 0}
    yield "voi-lut-negative-slope-us", dicom(deep, VOILUTSequence=lut(-1550, 10, curve), **falling)
    yield "voi-lut-of-signed-us", dicom(signed, True, VOILUTSequence=lut(-440, 10, curve))
    yield "modality-lut-negative-us", dicom(signed, True, ModalityLUTSequence=lut(-440, 10, curve))
    # and unsigned where they cannot
    high = scene(20, 26, 33000, 34000)
    for implicit in (False, True):
        way = "implicit" if implicit else "ss"
        raised: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": 32768, "VOILUTSequence": upper}
        yield f"voi-lut-of-raised-{way}", dicom(high - 32768, True, 16, implicit, **raised)
        yield f"modality-lut-upper-{way}", dicom(high, False, 16, implicit, ModalityLUTSequence=upper)
        both: dict[str, Any] = {
            "ModalityLUTSequence": lut(-440, 16, 33000 + np.arange(1000), signed=True),
            "VOILUTSequence": upper,
        }
        yield f"voi-lut-of-modality-lut-{way}", dicom(signed, True, 12, implicit, **both)
    deep = scene(20, 26, 0, 4095)
    yield "voi-lut-packed", dicom(deep, VOILUTSequence=lut(1000, 8, np.arange(256), packed=True))
    yield "voi-lut-packed-odd", dicom(deep, VOILUTSequence=lut(900, 8, np.arange(255)[::-1], packed=True))
    # entries that just fill their bits, and levels that lie just far enough apart
    yield "voi-lut-half", dicom(deep // 4, VOILUTSequence=lut(0, 10, curve // 2 + 1))
    yield "narrow", dicom(100 + np.arange(520).reshape(20, 26) % 18, bits=8)
    # what stands above the stored bits is not the film's
    above = np.arange(deep.size).reshape(deep.shape) % 16 << 12
    yield "unused-bits", dicom(deep | above, WindowCenter=1800, WindowWidth=2100)
    yield "unused-bits-signed", dicom((deep - 2048 & 0xFFF | above).astype("<u2").view("<i2"), True)
    rgb = np.repeat(scene(21, 13, 0, 255)[..., None], 3, axis=2)
    yield "grey-as-rgb", dicom(rgb, bits=8)
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1)).reshape(rgb.shape)
    yield "grey-as-rgb-planes", dicom(planes, bits=8, PlanarConfiguration=1)
    yield "zeros-behind", dicom(deep, PixelData=deep.astype("<u2").tobytes() + bytes(128))
    yield "zeros-behind-odd", dicom(rgb[..., 0], bits=8, PixelData=rgb[..., 0].astype("u1").tobytes() + bytes(2049))


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
        *((f"{name}.png", data, spec) for name, data in _without_content()),
        *((f"{name}.dcm", data, spec) for name, data in _flat_dicoms()),
        ("flat.jpg", jpeg(flat), spec),
        ("flat-colour.png", png(np.dstack([flat, flat + 9, flat + 5])), _spec("pad", 16, 16, channels=3)),
        ("voi-lut-not-filled.dcm", dicom(deep, VOILUTSequence=lut(0, 16, np.arange(4096))), spec),
        ("voi-lut-nearly-filled.dcm", dicom(deep, VOILUTSequence=lut(0, 12, np.arange(4096) // 2)), stretch),
        ("modality-lut-not-filled.dcm", dicom(deep, ModalityLUTSequence=lut(0, 16, np.arange(4096))), spec),
        ("one-off.dcm", dicom(np.dstack([grey, grey, grey ^ (np.arange(20) == 19)]), bits=8), spec),
        ("signed-rgb.dcm", dicom(np.dstack([grey // 2] * 3), signed=True, bits=8), spec),
        ("behind.dcm", dicom(deep, PixelData=deep.astype("<u2").tobytes() + bytes(127) + b"\1"), spec),
        ("segmentation.dcm", dicom(deep, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", NumberOfFrames=1), spec),
        ("functional-groups.dcm", dicom(deep, SharedFunctionalGroupsSequence=[]), spec),
        ("huge.dcm", dicom(deep, Rows=65535, Columns=65535), spec),
    )


def _without_content() -> Iterator[tuple[str, bytes]]:
    """PNG films whose levels lie too close together."""
    yield "one-level", png(np.full((20, 20), 7, dtype=np.uint8))
    yield "one-pixel", png(np.full((1, 1), 200, dtype=np.uint8))
    narrow = (100 + np.arange(400).reshape(20, 20) % 17).astype(np.uint8)
    yield "narrow", png(narrow)
    yield "narrow-rgb", png(np.dstack([narrow] * 3))
    yield "12-bits-called-16", png(np.arange(4096, dtype=np.uint16).reshape(64, 64))


def _flat_dicoms() -> Iterator[tuple[str, bytes]]:
    """DICOM films whose levels lie too close together after everything that their header asks for."""
    deep = scene(20, 20, 700, 2900)
    window: dict[str, Any] = {"WindowCenter": -900, "WindowWidth": 400}
    yield "window-left", dicom(deep, **window)
    yield "window-right", dicom(deep, WindowCenter=9000, WindowWidth=400)
    yield "window-left-exact", dicom(deep, **window, VOILUTFunction="LINEAR_EXACT")
    yield "window-left-sigmoid", dicom(deep, **window, VOILUTFunction="SIGMOID")
    yield "window-left-mono1", dicom(deep, **window, PhotometricInterpretation="MONOCHROME1")
    yield "window-wide", dicom(deep, WindowCenter=2000, WindowWidth=60000)
    yield "voi-lut-below", dicom(deep, VOILUTSequence=lut(0, 8, np.arange(256)))
    yield "modality-lut-above", dicom(deep, ModalityLUTSequence=lut(3000, 8, np.arange(256)))
    yield "12-bits-called-16", dicom(np.arange(4096).reshape(64, 64), bits=16)
    yield "flat-rgb", dicom(np.full((20, 20, 3), 90), bits=8)
    yield "narrow-rgb", dicom(np.dstack([100 + np.arange(400).reshape(20, 20) % 17] * 3), bits=8)

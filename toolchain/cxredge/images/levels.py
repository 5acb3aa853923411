"""Stored values -> 8-bit grey levels: modality transform, VOI, inversion. The rules that the twins share bit for bit.

A stored value has at most 16 bits, so every step is computed once per *possible* value, in float64 and in the order
written here, and the film is one table look-up. Nothing depends on the film's size or on how it was stored.

1. modality (DICOM PS3.3 C.11.1): ``v = slope * x + intercept``, or the modality LUT, or ``v = x``.
2. VOI (C.11.2.1.2 and C.11.2.1.3) gives ``y`` in 0..1, the fraction of the output range:

   * LINEAR: ``c = centre - 0.5``, ``w = width - 1``; LINEAR_EXACT: ``c = centre``, ``w = width``. For both
     ``y = 0`` where ``v <= c - w / 2``, ``y = 1`` where ``v > c + w / 2``, else ``y = (v - c) / w + 0.5``
   * SIGMOID: ``y = 1 / (1 + exp(-4 * (v - centre) / width))``
   * VOI LUT: ``y = entry / (2**bits - 1)``, the entry at ``floor(v + 0.5) - first``, clamped to the table
   * neither: ``y = (v - low) / (high - low)``. ``stored-range``: low and high are the least and greatest modality
     value of the stored bits' whole range (a modality LUT's: 0 and ``2**bits - 1``). ``min-max``: those of the
     values that occur in this film, all channels together. A film that has one value only is refused (IMG-FLAT):
     it has no contrast to stretch, and any grey would be invented.
   * where a LUT's bits give the range, its entries must fill them: the greatest has its top bit set. A table of 12
     bits that is called one of 16 would show the film sixteen times too dark.
3. ``g = floor(255 * clamp(y, 0, 1) + 0.5)``
4. MONOCHROME1: ``255 - g``. After VOI, because a window is written for the values and not for their negative.
5. A film whose greatest and least ``g`` lie less than ``MIN_SPAN`` apart is refused (IMG-FLAT).

An 8-bit PNG or JPEG has no window either, so both rules hold for it: ``stored-range`` keeps its bytes as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cxredge.errors import InputError

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

MIN_SPAN = 17
"""Least difference between a film's greatest and least grey level. The whole range of 12 bits called 16 bits gives
levels 0 to 16; the flattest of 4,071 real chest films has 106 levels between its least and its greatest."""


@dataclass(frozen=True)
class Lut:
    """A modality or VOI LUT. entries: int64[n], each 0..2**bits - 1; ``first`` is the input that the first one maps."""

    first: int
    bits: int
    entries: NDArray[np.int64]

    @property
    def filled_bits(self) -> int:
        """How many bits the greatest entry needs."""
        return int(self.entries.max()).bit_length()

    def look_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 of any shape -> entries as float64; inputs beyond either end take the entry at that end."""
        # clamped as floats: a large input would overflow int64
        index = np.clip(np.floor(values + 0.5) - self.first, 0, len(self.entries) - 1)
        return self.entries[index.astype(np.int64)].astype(np.float64)


@dataclass(frozen=True)
class Window:
    """A VOI window in modality units. width: >= 1 for LINEAR, > 0 for the others."""

    centre: float
    width: float
    function: VoiFunction = "LINEAR"

    def fraction(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Modality values, float64 of any shape -> float64 fractions 0..1 of the output range."""
        if self.function == "SIGMOID":
            with np.errstate(over="ignore"):  # exp overflows to infinity far below the centre, which gives 0
                return 1.0 / (1.0 + np.exp(-4.0 * (values - self.centre) / self.width))
        centre, width = self.centre, self.width
        if self.function == "LINEAR":
            centre, width = centre - 0.5, width - 1.0
        below, above = values <= centre - width / 2.0, values > centre + width / 2.0
        # width 0 (LINEAR of 1) is a step: no value lies between, and the quotient is never looked at
        ramp = (values - centre) / (width if width > 0 else 1.0) + 0.5
        return np.where(below, 0.0, np.where(above, 1.0, ramp))


@dataclass(frozen=True)
class Meaning:
    """What a film's stored values mean."""

    bits: int
    """Bits stored, 1..16."""
    signed: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    modality: Lut | None = None
    """Takes the place of slope and intercept."""
    voi: Window | Lut | None = None
    inverted: bool = False
    """MONOCHROME1: the least value is white."""

    def lowest(self) -> int:
        """Least value that the stored bits can hold."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    def without_unused_bits(self, stored: NDArray[np.integer]) -> NDArray[np.integer]:
        """Drop the bits above the stored ones (PS3.5 8.1.1) of integers that have this film's sign, of any shape.

        Overlays stood there once, and some writers fill them with anything. A signed value keeps the sign that its
        own top bit has.
        """
        unused = 8 * stored.itemsize - self.bits
        # shifts to the right repeat the sign of signed integers
        return stored if unused == 0 else np.right_shift(np.left_shift(stored, unused), unused)

    def modality_values(self) -> NDArray[np.float64]:
        """float64[2**bits]: the modality value of each possible stored value, from ``lowest()`` up."""
        stored = np.arange(1 << self.bits, dtype=np.float64) + self.lowest()
        if self.modality is not None:
            return self.modality.look_up(stored)
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is refused by the caller, by name
            values: NDArray[np.float64] = self.slope * stored + self.intercept
        return values


def grey_levels(
    what: str, stored: NDArray[np.integer], meaning: Meaning, no_window: Literal["stored-range", "min-max"]
) -> NDArray[np.uint8]:
    """Apply the rules above.

    stored: integers of any shape; values outside the stored bits (lossy overshoot) are clamped to them.
    Returns uint8 of the same shape, 0 black, 255 white, whatever its span (``check_span`` looks at that).
    Raises InputError IMG-NAN, IMG-RESCALE (a modality LUT that does not fill its bits) or IMG-FLAT.
    """
    count = 1 << meaning.bits
    index = np.clip(stored.astype(np.int32) - meaning.lowest(), 0, count - 1)
    values = meaning.modality_values()
    if not np.isfinite(values).all():
        raise InputError(
            "IMG-NAN",
            f"{what}: the modality transform gives NaN or infinity",
            "correct the rescale slope and intercept",
        )
    if isinstance(meaning.voi, Window):
        fraction = meaning.voi.fraction(values)
    elif meaning.voi is not None:
        fraction = meaning.voi.look_up(values) / float((1 << meaning.voi.bits) - 1)
    else:
        low, high = _range(what, index, values, meaning, no_window)
        fraction = (values - low) / (high - low)
    if not np.isfinite(fraction).all():
        raise InputError("IMG-NAN", f"{what}: the VOI transform gives NaN or infinity", "correct the window")
    table = np.floor(255.0 * np.clip(fraction, 0.0, 1.0) + 0.5).astype(np.uint8)
    if meaning.inverted:
        table = 255 - table
    return table[index]


def _range(
    what: str,
    index: NDArray[np.int32],
    values: NDArray[np.float64],
    meaning: Meaning,
    no_window: Literal["stored-range", "min-max"],
) -> tuple[float, float]:
    """Modality values that become 0 and 255 where there is no VOI."""
    if no_window == "stored-range":
        if meaning.modality is not None:
            check_filled(what, "modality LUT", meaning.modality, "IMG-RESCALE")
            return 0.0, float((1 << meaning.modality.bits) - 1)
        return float(values.min()), float(values.max())
    occurs = np.zeros(len(values), dtype=bool)
    occurs[index] = True
    low, high = float(values[occurs].min()), float(values[occurs].max())
    if low == high:
        raise InputError(
            "IMG-FLAT",
            f"{what} has one value only ({low:g}), which min-max cannot stretch",
            "choose a film with content",
        )
    return low, high


def check_filled(what: str, name: str, lut: Lut, code: str) -> None:
    """Refuse a LUT whose bits would give the grey's range, and whose entries do not fill them, by InputError ``code``.

    PS3.3 C.11.1.1.1 and C.11.2.1.1: the third number of a descriptor says the range of the entries.
    """
    if lut.filled_bits < lut.bits:
        raise InputError(
            code,
            f"{what}: its {name} says {lut.bits} bits an entry, and its greatest entry, {int(lut.entries.max())}, "
            f"fills {lut.filled_bits}, so how bright the film is meant to be is unknown",
            "correct the third number of its LUT descriptor, or export the film with a window instead",
        )


def check_span(what: str, grey: NDArray[np.uint8]) -> None:
    """Refuse a film without content, uint8 of any shape, upright and at its own resolution, by InputError IMG-FLAT."""
    low, high = int(grey.min()), int(grey.max())
    if high - low >= MIN_SPAN:
        return
    if low == high:
        raise InputError(
            "IMG-FLAT",
            f"{what} has one grey level only ({low} of 0 to 255)",
            "check the film's window, or choose a film with content",
        )
    raise InputError(
        "IMG-FLAT",
        f"{what} has grey levels {low} to {high} of 0 to 255 only, {high - low} apart; {MIN_SPAN} is the least",
        "check the film's window and its stored bits (12 bits called 16 are nearly black), or choose another film",
    )


def one_channel(what: str, stored: NDArray[np.integer]) -> NDArray[np.integer]:
    """Integers [h, w, 3] -> [h, w] where the three channels are equal in every pixel; else InputError IMG-COLOUR."""
    red = stored[..., 0]
    if not ((stored[..., 1] == red).all() and (stored[..., 2] == red).all()):
        raise InputError(
            "IMG-COLOUR",
            f"{what} is in colour, and this model takes grey",
            "choose the film itself, not a rendering, a screenshot or a secondary capture",
        )
    return red

"""Findings of the phantom chest: where each one lies, what it does to the density, and its exact mask.

They are drawings named after findings, not models of disease.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxredge.phantoms.anatomy import (
    CANVAS,
    COLUMNS,
    FILM,
    HALF,
    LEFT,
    MARGIN,
    RIGHT,
    ROWS,
    Chest,
    Plane,
    bump,
    clouds,
    half,
    midline,
    step,
)

PHANTOM_LABELS = ("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax")

PREVALENCE = 0.25
_PERSISTENCE = 0.7
"""Chance that a finding is still there in the patient's next film."""


@dataclass(frozen=True)
class Finding:
    """One finding on one film.

    label: one of PHANTOM_LABELS. side: -1 the patient's right, 1 the left. severity: 0 subtle to 1 obvious.
    across, along: place inside the lung, 0..1 from the midline outwards and from the apex down.
    """

    label: str
    side: int
    severity: float
    across: float
    along: float


def sample_findings(rng: np.random.Generator, before: tuple[Finding, ...] | None) -> tuple[Finding, ...]:
    """The findings of a film, in label order. ``before`` are those of the patient's previous film, if any.

    Persistence and new cases balance, so that every film of a series has the same prevalence.
    """
    earlier = {finding.label: finding for finding in before or ()}
    found = []
    for label in PHANTOM_LABELS:
        # every label takes the same draws whether or not it is present, so that labels do not disturb each other
        chance, severity, across, along = rng.random(4).tolist()
        side = RIGHT if rng.random() < 0.5 else LEFT
        old = earlier.get(label)
        if before is None:
            present = chance < PREVALENCE
        elif old is not None:
            present = chance < _PERSISTENCE
        else:
            present = chance < PREVALENCE * (1 - _PERSISTENCE) / (1 - PREVALENCE)
        if not present:
            continue
        if old is not None:
            changed = min(1.0, max(0.0, old.severity + 0.5 * (severity - 0.5)))
            found.append(Finding(label, old.side, changed, old.across, old.along))
        else:
            found.append(Finding(label, side, severity, across, along))
    return tuple(found)


def heart_factor(findings: tuple[Finding, ...], ratio: float) -> float:
    """How much wider the heart is than without cardiomegaly; above half the thorax from 0.505 to 0.615 of it."""
    for finding in findings:
        if finding.label == "Cardiomegaly":
            return (0.505 + 0.11 * finding.severity * finding.severity) / ratio
    return 1.0


class Film:
    """Density planes of one film while it is being drawn; the findings change them in place.

    air, marks: lung air and lung markings, each float32[CANVAS, CANVAS], 0..1. added: density laid over the lungs.
    """

    def __init__(self, chest: Chest, marks: Plane) -> None:
        self.chest = chest
        self.air = np.zeros((CANVAS, CANVAS), np.float32)
        for side in (RIGHT, LEFT):
            half(self.air, side)[:] = chest.lung(side)
        self.column, self.middle = midline(chest)
        self.heart = chest.heart()
        self.inside = (self.air >= 0.5) & (self.column < 0.5) & (self.heart < 0.5)
        """Where lungs show beside heart and mediastinum, before findings cover them; bool[CANVAS, CANVAS]."""
        self.marks = marks
        self.added = np.zeros((CANVAS, CANVAS), np.float32)


def apply(film: Film, finding: Finding, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draws one finding (not Cardiomegaly, which is the heart's width) and gives its mask, bool[CANVAS, CANVAS]."""
    paint = {
        "Effusion": _effusion,
        "Consolidation": _consolidation,
        "Nodule": _nodule,
        "Pneumothorax": _pneumothorax,
    }
    return paint[finding.label](film, finding, rng)


def _on_side(side: int, region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    whole = np.zeros((CANVAS, CANVAS), np.bool_)
    half(whole, side)[:] = region
    return whole


def _effusion(film: Film, finding: Finding, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Fluid over the costophrenic angle: a meniscus that climbs along the chest wall."""
    chest, side, s = film.chest, finding.side, finding.severity
    height = 0.038 + 0.22 * s * s
    reach = float(chest.wall(np.array([0.75]))[0])
    t = np.clip((COLUMNS - np.float32(0.05)) / np.float32(reach - 0.05), 0, None)
    basin = np.float32(0.55 * max(0.0, s - 0.4) / 0.6)
    climb = basin + (np.float32(1) - basin) * t * t * t
    level = np.float32(chest.angle[side] - 0.012) - np.float32(height) * climb
    fluid = step((ROWS[:, None] - level[None, :]) * np.float32(1 / 0.012))
    density = np.float32(0.60 + 0.35 * s)
    half(film.air, side)[:] *= np.float32(1) - density * fluid
    half(film.marks, side)[:] *= np.float32(1) - fluid
    return _on_side(side, fluid >= 0.5) & film.inside


def _place(film: Film, finding: Finding, top: float, bottom: float) -> tuple[float, float]:
    """Distance from the midline and y of a finding between two heights of its lung (0 apex, 1 dome)."""
    chest = film.chest
    apex, dome = chest.anatomy.apex, chest.dome[finding.side]
    y = apex + (dome - apex) * (top + (bottom - top) * finding.along)
    outer = float(chest.wall(np.array([y]))[0])
    # clear of the heart, behind which nothing shows
    covered = COLUMNS[half(film.heart, finding.side)[round(y * FILM) + MARGIN] >= 0.5]
    inner = max(0.08, float(covered.max(initial=0.0)) + 0.01)
    inner = min(inner, outer - 0.07)
    return inner + (outer - 0.03 - inner) * finding.across, y


def _radius2(x: float, y: float, rx: float, ry: float) -> Plane:
    """Squared elliptical radius around (x, y) on one half, float32[CANVAS, HALF]."""
    dx = (COLUMNS - np.float32(x)) / np.float32(rx)
    dy = (ROWS - np.float32(y)) / np.float32(ry)
    return dx[None, :] * dx[None, :] + (dy * dy)[:, None]


def _consolidation(film: Film, finding: Finding, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A soft patch with a ragged outline and grain; vessels drown in it."""
    side, s = finding.side, finding.severity
    x, y = _place(film, finding, 0.25, 0.88)
    size = 0.065 + 0.065 * float(rng.random())
    ragged = clouds(rng, 22)[:, :HALF] * np.float32(0.45) + clouds(rng, 60)[:, :HALF] * np.float32(0.25)
    r2 = _radius2(x, y, size * float(rng.uniform(0.8, 1.1)), size * float(rng.uniform(0.8, 1.3)))
    patch = bump(np.clip(r2 + ragged * np.clip(r2, 0, 1), 0, None))
    opacity = patch * np.float32(0.38 + 0.42 * s) * (np.float32(1) + np.float32(0.25) * ragged)
    half(film.air, side)[:] *= np.float32(1) - opacity
    half(film.marks, side)[:] *= np.float32(1) - patch
    return _on_side(side, patch >= 0.25) & film.inside


def _nodule(film: Film, finding: Finding, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A small round density."""
    side, s = finding.side, finding.severity
    x, y = _place(film, finding, 0.15, 0.85)
    radius = 0.028 + 0.022 * s
    r2 = _radius2(x, y, radius, radius * float(rng.uniform(0.9, 1.1)))
    half(film.added, side)[:] += step((np.float32(1) - r2) * np.float32(1.6)) * np.float32(0.23 + 0.14 * s)
    return _on_side(side, r2 <= 1.0) & film.inside


def _pneumothorax(film: Film, finding: Finding, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Air between chest wall and lung: a thin pleural line, and beyond it a darker rim without markings."""
    chest, side, s = film.chest, finding.side, finding.severity
    apex = chest.anatomy.apex
    depth, drop = 0.024 + 0.066 * s, 0.028 + 0.070 * s
    end = apex + 0.20 + 0.38 * s
    fade = np.clip((np.float32(end) - ROWS) / np.float32(0.5 * (end - apex)), 0, 1)
    inset = np.float32(depth) * fade + np.float32(1e-4)
    edge = chest.lung(side, drop=0.0, inset=inset, soft=0.004)
    # the apex sinks; further down the wall is nearly upright, so that the drop alone would not show
    sunk = chest.lung(side, drop=drop, inset=inset * np.float32(0.6), soft=0.004)
    upper = step((np.float32(apex + 0.5 * (end - apex)) - ROWS) * np.float32(12))[:, None]
    collapsed = np.minimum(edge, sunk * upper + edge * (np.float32(1) - upper))
    lung = chest.lung(side)
    rim = np.clip(lung - collapsed, 0, 1)
    line = np.float32(4) * collapsed * (np.float32(1) - collapsed) * lung
    visible = step((ROWS[:, None] - np.float32(end)) * np.float32(-30)) * (lung > 0.6)
    half(film.air, side)[:] += rim * np.float32(0.09 + 0.06 * s)
    half(film.marks, side)[:] *= np.float32(1) - rim
    half(film.added, side)[:] += line * visible * np.float32(0.06 + 0.04 * s)
    region: NDArray[Any] = (rim >= 0.5) & (lung >= 0.5) & (end > ROWS)[:, None]
    return _on_side(side, region) & film.inside

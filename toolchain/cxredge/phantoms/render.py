"""Phantom films: synthetic frontal chest radiographs with exact labels and masks, made from a seed.

They are the embedded default data: free of any person's image, and small to ship because only the seed is shipped.
A score on phantoms says that a tool works; it says nothing about people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cxredge.phantoms.anatomy import (
    COLUMNS,
    FILM,
    HALF,
    LEFT,
    MARGIN,
    ROWS,
    Anatomy,
    Chest,
    Plane,
    body,
    bones,
    bump,
    clouds,
    half,
    sample_anatomy,
    vessels,
)
from cxredge.phantoms.lesions import PHANTOM_LABELS, Film, Finding, apply, heart_factor, sample_findings
from cxredge.recipe_data import PhantomData

__all__ = ["PHANTOM_LABELS", "Finding", "PhantomFilm", "Rendering", "render", "sample_patients"]

SPLITS: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")


@dataclass(frozen=True)
class PhantomFilm:
    """Everything that decides one phantom film; ``render`` makes the picture."""

    split: str
    patient: str
    index: int
    """Number of the film in the patient's series, from 0."""
    seed: tuple[int, ...]
    anatomy: Anatomy
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        """``phantom-train-0007-0``, unique in its data set."""
        return f"{self.patient}-{self.index}"

    @property
    def labels(self) -> frozenset[str]:
        """Labels that are positive."""
        return frozenset(finding.label for finding in self.findings)


class Rendering(NamedTuple):
    """grey: uint8[320, 320], 0 black to 255 white. masks: bool[320, 320] of every positive label, and of no other."""

    grey: NDArray[np.uint8]
    masks: dict[str, NDArray[np.bool_]]


def sample_patients(data: PhantomData) -> tuple[PhantomFilm, ...]:
    """All films of all splits, in the order train, val, test, patient, film; nothing is rendered.

    A film depends on (seed, split, patient, film) alone, not on how many others there are.
    """
    return tuple(
        film
        for split in SPLITS
        for patient in range(data.patients.get(split, 0))
        for film in _series(data.seed, split, patient)
    )


def _series(seed: int, split: Literal["train", "val", "test"], patient: int) -> list[PhantomFilm]:
    root = (seed, SPLITS.index(split), patient)
    rng = np.random.default_rng(root)
    anatomy = sample_anatomy(root, rng)
    series: list[PhantomFilm] = []
    for index in range(int(rng.choice(4, p=(0.45, 0.3, 0.15, 0.1))) + 1):
        own = (*root, 100 + index)
        findings = sample_findings(np.random.default_rng(own), series[-1].findings if series else None)
        series.append(PhantomFilm(split, f"phantom-{split}-{patient:04d}", index, own, anatomy, findings))
    return series


def render(film: PhantomFilm) -> Rendering:
    """Draws the film: anatomy, findings, exposure, a slight turn and shift, noise. Same film, same bytes."""
    rng = np.random.default_rng((*film.seed, 0))
    breath = float(rng.uniform(-0.025, 0.02))
    chest = Chest(film.anatomy, breath, heart_factor(film.findings, film.anatomy.cardiothoracic))
    planes = Film(chest, vessels(chest))
    masks: dict[str, NDArray[np.bool_]] = {}
    _distractors(planes, rng)
    for finding in film.findings:
        if finding.label == "Cardiomegaly":
            masks[finding.label] = planes.heart >= 0.5
        else:
            own = np.random.default_rng((*film.seed, 1 + PHANTOM_LABELS.index(finding.label)))
            masks[finding.label] = apply(planes, finding, own)
    density = _density(planes, rng)
    knee, gain = np.float32(rng.uniform(0.45, 1.2)), np.float32(rng.uniform(0.86, 1.04))
    # a film's response flattens towards white
    knees = density + knee
    density *= (np.float32(1) + knee) * gain * np.float32(255)
    density /= knees
    canvas = np.clip(density, 0, 255, out=density).astype(np.uint8)
    turn = _turn(rng)
    grey = rng.standard_normal((FILM, FILM), dtype=np.float32)
    grey *= np.float32(rng.uniform(1.5, 5.5))
    grey += _warp(canvas, turn)
    grey += np.float32(rng.uniform(0, 10))
    np.clip(grey, 0, 255, out=grey)
    return Rendering(grey.astype(np.uint8), {label: _warp(mask, turn) for label, mask in masks.items()})


def _density(planes: Film, rng: np.random.Generator) -> Plane:
    """Sum of everything in the beam, float32[CANVAS, CANVAS], about 0..1.3."""
    chest = planes.chest
    cover = planes.heart * np.float32(0.94)
    np.maximum(cover, planes.column, out=cover)
    air = cover * np.float32(-0.93)
    air += np.float32(1)
    air *= planes.air
    bright = bones(chest) * (np.float32(0.10) + np.float32(0.20) * air)
    bright += planes.middle
    haze = clouds(rng, 14)
    haze += clouds(rng, 75)
    haze *= np.float32(0.010) + np.float32(0.014) * air
    bright += haze
    density = body(chest)
    bright *= density > np.float32(0.1)
    density *= np.float32(1) - np.float32(rng.uniform(0.70, 0.80)) * air
    cover *= np.float32(0.11)
    density += cover
    density += planes.added
    density += bright
    air *= planes.marks
    air *= np.float32(0.25)
    density += air
    _stomach(density, chest, rng)
    slope = np.float32(rng.uniform(-0.10, 0.10))
    across = np.concatenate([-COLUMNS[::-1], COLUMNS]) * slope
    density *= (np.float32(1) + across)[None, :]
    return np.clip(density, 0, None, out=density)


def _distractors(planes: Film, rng: np.random.Generator) -> None:
    """Harmless things that look a little like findings: vessels seen end-on, and a skin fold across a lung."""
    spots = rng.random((6, 3))
    wanted = int(rng.integers(0, 6))
    for across, along, size in spots[:wanted].tolist():
        side = LEFT if across > 0.5 else -LEFT
        x, y = 0.09 + 0.10 * (2 * across % 1), 0.36 + 0.24 * along
        dx, dy = (COLUMNS - np.float32(x)) * np.float32(1 / 0.011), (ROWS - np.float32(y)) * np.float32(1 / 0.011)
        spot = bump((dx * dx)[None, :] + (dy * dy)[:, None])
        half(planes.added, side)[:] += spot * np.float32(0.04 + 0.06 * size)
    place, lean, fold = rng.random(3).tolist()
    if fold < 0.3:
        x = np.float32(0.16 + 0.14 * place) + np.float32(0.25 * (lean - 0.5)) * (ROWS - np.float32(0.4))
        line = bump(((COLUMNS[None, :] - x[:, None]) * np.float32(1 / 0.006)) ** 2)
        ends = bump(((ROWS - np.float32(0.35)) * np.float32(1 / 0.22)) ** 2)
        half(planes.added, LEFT if lean > 0.5 else -LEFT)[:] += line * ends[:, None] * np.float32(0.06)


def _stomach(density: Plane, chest: Chest, rng: np.random.Generator) -> None:
    """Gas under the left dome, in place, in about half of the films."""
    shown, x, size = rng.random(3).tolist()
    if shown < 0.5:
        rx, ry = 0.04 + 0.04 * size, 0.025 + 0.02 * size
        dx = (COLUMNS - np.float32(0.12 + 0.08 * x)) / np.float32(rx)
        dy = (ROWS - np.float32(chest.dome[LEFT] + 0.05 + ry)) / np.float32(ry)
        half(density, LEFT)[:] -= np.float32(0.16) * bump((dx * dx)[None, :] + (dy * dy)[:, None])


def _turn(rng: np.random.Generator) -> tuple[float, float, float, float, float, float]:
    """Affine map from film pixels to canvas pixels: up to 3 degrees, 4 % of scale and 7 pixels of shift."""
    angle, scale = math.radians(float(rng.uniform(-3, 3))), float(rng.uniform(0.96, 1.04))
    dx, dy = float(rng.uniform(-7, 7)), float(rng.uniform(-7, 7))
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    middle = FILM / 2
    return (c, -s, HALF + dx - c * middle + s * middle, s, c, MARGIN + middle + dy - s * middle - c * middle)


def _warp(canvas: NDArray[Any], turn: tuple[float, float, float, float, float, float]) -> NDArray[Any]:
    """The film's part of a canvas, [CANVAS, CANVAS] to [320, 320]; bilinear for uint8, nearest for bool."""
    from PIL import Image

    grey = canvas.dtype == np.uint8
    kind = Image.Resampling.BILINEAR if grey else Image.Resampling.NEAREST
    image = Image.fromarray(canvas if grey else canvas.view(np.uint8))
    film = np.asarray(image.transform((FILM, FILM), Image.Transform.AFFINE, turn, kind))
    return film if grey else film.astype(np.bool_)

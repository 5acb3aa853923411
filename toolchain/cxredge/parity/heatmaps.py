"""Whether an artifact's class activation maps still point where the reference's do, and on phantoms where they should.

Only maps of labels that the reference calls are looked at: nobody sees the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from cxredge.evidence import HeatmapEvidence
from cxredge.images.geometry import cells_on_film, tents
from cxredge.images.masks import preprocess_mask
from cxredge.outputs import Outputs
from cxredge.parity import numerics
from cxredge.parity.decisions import Rule
from cxredge.recipe_input import InputSpec

Masks = Callable[[int], Mapping[str, NDArray[np.bool_]]]
"""Number of a film -> its exact masks bool[h, w] by label, in film pixels: ``DataSet.masks`` of the film."""
Maps = NDArray[np.float64]
"""float64[M, h, w]."""


def heatmap_evidence(
    reference: Outputs,
    artifact: Outputs,
    rule: Rule,
    sizes: NDArray[np.int64],
    spec: InputSpec,
    masks: Masks | None = None,
) -> HeatmapEvidence:
    """Agreement of the maps, and with ``masks`` how often and how much they lie on the findings.

    sizes: int64[N, 2] of ``geometry.film_sizes``.

    * Maps that are constant in the reference have no shape to compare: they are left out of everything and counted.
    * Energy is a map clipped at 0 and scaled to sum 1. Where the reference's map has none, there is no overlap to take;
      where only the artifact's has none it is 0. A map without energy has a share of 0 inside its mask.
    * The peak is the centre of the greatest cell, the first among equals (see ``geometry.cells_on_film``).
    * Pointing game: share of maps whose peak lies in the mask (Zhang et al. 2016, Excitation Backprop), without their
      tolerance of 15 pixels; maps of findings that are there, and that the reference decided are there.
    """
    film, label = np.nonzero(rule.call(reference["logits"]))
    step = max(1, numerics.PART // prod(reference["cam"].shape[2:]))  # maps that are looked at at a time
    parts = [
        _part(reference, artifact, film[at : at + step], label[at : at + step], rule, sizes, spec, masks)
        for at in range(0, max(1, len(film)), step)
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    figures: dict[str, float | None] = {
        "correlation_median": _percentile(found["correlation"], 50),
        "correlation_p5": _percentile(found["correlation"], 5),
        "overlap_median": _percentile(found["overlap"], 50),
        "overlap_p5": _percentile(found["overlap"], 5),
        "peak_shift_median": _percentile(found["shift"], 50),
        "peak_shift_p95": _percentile(found["shift"], 95),
    }
    masked = len(found["inside_chance"])
    if masked:
        on_masks = ("pointing_reference", "inside_reference", "pointing_artifact", "inside_artifact", "inside_chance")
        figures |= {name: float(found[name].mean()) for name in on_masks}
    maps = len(found["correlation"])
    return HeatmapEvidence(maps=maps, constant=len(film) - maps, masks=masked, **figures)


def _part(
    reference: Outputs,
    artifact: Outputs,
    film: NDArray[np.intp],
    label: NDArray[np.intp],
    rule: Rule,
    sizes: NDArray[np.int64],
    spec: InputSpec,
    masks: Masks | None,
) -> dict[str, NDArray[np.float64]]:
    """Of the maps of these films and labels: figures of every map that has a shape, and of every one with a mask."""
    correlation = numerics.map_correlations(reference["cam"][film, label], artifact["cam"][film, label])
    shaped = ~np.isnan(correlation)
    film, label = film[shaped], label[shaped]
    maps = [outputs["cam"][film, label].astype(np.float64) for outputs in (reference, artifact)]
    energy = [np.maximum(m, 0) for m in maps]
    total = [e.sum((1, 2)) for e in energy]
    alive = total[0] > 0
    scaled = [e[alive] / np.maximum(t[alive], 1e-30)[:, None, None] for e, t in zip(energy, total, strict=True)]
    peaks = [peaks_on_film(m, sizes[film], spec) for m in maps]
    masked = _masked(film, [rule.names[i] for i in label], masks) if masks is not None else {}
    rows = np.array(list(masked), np.intp)
    shares = [_cell_shares(mask, maps[0].shape[1:], spec) for mask in masked.values()]
    cells = np.stack(shares) if shares else np.empty((0, 2, *maps[0].shape[1:]))
    found = {
        "correlation": correlation[shaped],
        "overlap": np.minimum(*scaled).sum((1, 2)),
        "shift": np.hypot(*(peaks[1] - peaks[0]).T),
        "inside_chance": _inside(np.ones_like(maps[0][rows]), cells),
    }
    for who, m, peak in zip(("reference", "artifact"), energy, peaks, strict=True):
        found[f"pointing_{who}"] = np.array([holds(masked[i], peak[i]) for i in rows], np.float64)
        found[f"inside_{who}"] = _inside(m[rows], cells)
    return found


def _percentile(values: NDArray[np.float64], share: float) -> float | None:
    return float(np.percentile(values, share)) if len(values) else None


def peaks_on_film(maps: Maps, sizes: NDArray[np.int64], spec: InputSpec) -> NDArray[np.float64]:
    """float64[M, 2]: the maps' peaks in film pixels."""
    _, h, w = maps.shape
    cells = np.stack(np.unravel_index(maps.reshape(-1, h * w).argmax(1), (h, w)), 1)
    return cells_on_film(cells, (h, w), sizes, spec)


def _masked(film: NDArray[np.intp], labels: Sequence[str], masks: Masks) -> dict[int, NDArray[np.bool_]]:
    """The masks there are, by number of the map; a film's are read once."""
    of_film = {int(f): masks(int(f)) for f in np.unique(film)}
    pairs = enumerate(zip(film.tolist(), labels, strict=True))
    return {i: of_film[f][label] for i, (f, label) in pairs if label in of_film[f]}


def holds(mask: NDArray[np.bool_], place: NDArray[np.float64]) -> bool:
    """Whether the mask's pixel nearest to ``place`` is set; a place outside the film is in no mask."""
    row, column = np.floor(place + 0.5).astype(int)
    return 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and bool(mask[row, column])


def _cell_shares(mask: NDArray[np.bool_], shape: tuple[int, ...], spec: InputSpec) -> NDArray[np.float64]:
    """float64[2, h, w]: how much of each cell's bilinear tent (``geometry.upsample``) lies in the mask, and in all."""
    soft = preprocess_mask(mask, spec) / 255
    down, across = tents(shape[0], spec.height), tents(shape[1], spec.width)
    return np.stack([down.T @ area @ across for area in (soft, np.ones_like(soft))])


def _inside(energy: Maps, cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each upsampled map's energy that lies in its mask; a map without energy has none there."""
    inside, everywhere = (np.einsum("mij,mij->m", energy, cells[:, i]) for i in (0, 1))
    shares: NDArray[np.float64] = inside / np.maximum(everywhere, 1e-30)
    return shares

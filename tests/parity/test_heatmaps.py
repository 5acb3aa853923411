"""Heatmap evidence: figures with known answers, and real masks of phantoms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.data.data_sets import DataSet, open_data
from cxredge.evidence import HeatmapEvidence
from cxredge.images.geometry import upsample
from cxredge.images.preprocess import fit, resize
from cxredge.outputs import Outputs
from cxredge.parity import numerics
from cxredge.parity.heatmaps import heatmap_evidence
from cxredge.parity.numerics import map_correlations
from cxredge.recipe_data import PhantomData
from cxredge.recipe_decision import Labels
from cxredge.recipe_input import InputSpec
from parity.synthetic import independent

NAMES = ("A", "B", "C")
RULE = independent([0, 0, 0], NAMES)
SPEC = InputSpec(height=192, width=192, fit="pad")


def outputs(films: int = 20, seed: int = 0) -> Outputs:
    rng = np.random.default_rng(seed)
    cam = rng.normal(0.5, 3, (films, 3, 6, 6)).astype(np.float32)
    return {"logits": cam.mean((2, 3)), "cam": cam, "novelty": np.ones(films, np.float32)}


def evidence(reference: Outputs, artifact: Outputs, side: int = 192) -> HeatmapEvidence:
    sizes = np.full((len(reference["logits"]), 2), side)
    return heatmap_evidence(reference, artifact, RULE, sizes, SPEC)


def with_cam(source: Outputs, cam: NDArray[np.floating]) -> Outputs:
    return {**source, "cam": cam.astype(np.float32)}


def test_equal_maps_agree_wholly() -> None:
    reference = outputs()
    found = evidence(reference, reference)
    assert found.maps == (reference["logits"] >= 0).sum() > 20
    assert (found.constant, found.masks, found.pointing_reference, found.inside_chance) == (0, 0, None, None)
    for value in (found.correlation_p5, found.overlap_median, found.overlap_p5):
        assert value == pytest.approx(1)
    assert (found.peak_shift_median, found.peak_shift_p95) == (0, 0)


def test_only_positive_decisions_of_the_reference_count() -> None:
    reference, other = outputs(), outputs(seed=1)
    negative = (reference["logits"] < 0)[:, :, None, None]
    assert negative.any()
    spoiled = with_cam(other, np.where(negative, 1e6, other["cam"]))
    assert evidence(reference, spoiled) == evidence(reference, other)


def test_figures_are_those_of_a_loop() -> None:
    reference, other = outputs(seed=2), outputs(seed=3)
    correlation, overlap, shift = [], [], []
    for r, o in zip(reference["cam"][reference["logits"] >= 0], other["cam"][reference["logits"] >= 0], strict=True):
        r, o = r.astype(np.float64), o.astype(np.float64)
        correlation.append(np.corrcoef(r.ravel(), o.ravel())[0, 1])
        a, b = np.clip(r, 0, None), np.clip(o, 0, None)
        overlap.append(np.minimum(a / a.sum(), b / b.sum()).sum())
        peaks = [np.array(np.unravel_index(m.argmax(), m.shape)) for m in (r, o)]
        shift.append(32 * 1.5 * np.linalg.norm(peaks[0] - peaks[1]))
    found = evidence(reference, other, side=288)  # 1.5 film pixels an input pixel
    assert found.correlation_median == pytest.approx(np.median(correlation))
    assert found.correlation_p5 == pytest.approx(np.percentile(correlation, 5))
    assert found.overlap_median == pytest.approx(np.median(overlap))
    assert found.overlap_p5 == pytest.approx(np.percentile(overlap, 5))
    assert found.peak_shift_median == pytest.approx(np.median(shift))
    assert found.peak_shift_p95 == pytest.approx(np.percentile(shift, 95))


def test_constant_maps_are_left_out_and_counted() -> None:
    reference = outputs()
    cam = reference["cam"].copy()
    first, second = np.argwhere(reference["logits"] >= 0)[:2]
    cam[tuple(first)] = 0.7
    found = evidence(with_cam(reference, cam), reference)
    assert found.constant == 1
    assert found.maps == evidence(reference, reference).maps - 1
    assert found.correlation_p5 == pytest.approx(1)
    # a map that only the artifact flattened is no agreement
    cam = reference["cam"].copy()
    cam[tuple(second)] = 0.7
    flattened = evidence(reference, with_cam(reference, cam))
    assert (flattened.constant, flattened.maps) == (0, evidence(reference, reference).maps)
    assert map_correlations(reference["cam"][tuple(second)][None], cam[tuple(second)][None]).tolist() == [0]


def test_no_positive_decision_gives_no_figure() -> None:
    nothing = outputs()
    nothing["logits"][:] = -1
    found = evidence(nothing, nothing)
    assert found == HeatmapEvidence(
        maps=0, correlation_median=None, correlation_p5=None, overlap_median=None, overlap_p5=None,
        peak_shift_median=None, peak_shift_p95=None,
    )  # fmt: skip


def test_maps_without_energy_overlap_by_nothing() -> None:
    reference = outputs(4)
    reference["logits"][:] = 1
    assert evidence(reference, with_cam(reference, -np.abs(reference["cam"]))).overlap_median == 0
    silent = with_cam(reference, -np.abs(reference["cam"]))
    assert evidence(silent, reference).overlap_median is None


LABELS = Labels(names=("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax"))
PHANTOM_RULE = independent([0] * 5, LABELS.names)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    data = PhantomData(source="phantom", seed=20261121, patients={"train": 1, "val": 1, "test": 12})
    return open_data(data, LABELS, tmp_path_factory.mktemp("phantoms"))


def test_pointing_and_energy_on_real_masks(phantoms: DataSet) -> None:
    """Maps as fine as the input that repeat the masks point into them; maps of all the rest never do."""
    films = phantoms.films("test")
    truth = np.stack([film.targets for film in films])
    spec = InputSpec(height=64, width=64, fit="pad")
    cam = np.zeros((*truth.shape, 64, 64), np.float32)
    areas = []
    for i, film in enumerate(films):
        for label, mask in phantoms.masks(film).items():
            soft = resize(fit(mask.astype(np.uint8) * np.uint8(255), spec), spec) / 255
            cam[i, LABELS.names.index(label)] = soft
            areas.append(soft.mean())
    right = {"logits": truth * 2 - 1, "cam": cam, "novelty": np.ones(len(films), np.float32)}
    wrong = {**right, "cam": np.where(cam > 0, 0, 1).astype(np.float32)}
    sizes = np.full((len(films), 2), 320)
    found = heatmap_evidence(right, wrong, PHANTOM_RULE, sizes, spec, lambda i: phantoms.masks(films[i]))
    assert found.maps == found.masks == truth.sum() > 10
    assert (found.pointing_reference, found.pointing_artifact) == (1, 0)
    assert found.inside_reference is not None
    assert found.inside_reference > 0.75
    assert found.inside_artifact == 0
    assert found.inside_chance == pytest.approx(np.mean(areas))


def test_maps_looked_at_in_parts_give_the_same_figures(phantoms: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    films = phantoms.films("test")
    truth = np.stack([film.targets for film in films])
    rng = np.random.default_rng(0)
    reference, other = (
        {"logits": truth * 2 - 1, "cam": rng.normal(0.5, 3, (*truth.shape, 6, 6)).astype(np.float32)} for _ in range(2)
    )
    sizes = np.full((len(films), 2), 320)

    def found() -> tuple[HeatmapEvidence, float | None, float | None]:
        maps = heatmap_evidence(reference, other, PHANTOM_RULE, sizes, SPEC, lambda i: phantoms.masks(films[i]))
        cams = reference["cam"], other["cam"]
        return maps, numerics.sqnr_db(*cams), numerics.median_map_correlation(*cams)

    whole = found()
    assert whole[0].masks > 0
    for part in (1, 100, 250):
        monkeypatch.setattr(numerics, "PART", part)
        maps, sqnr, correlation = found()
        assert (maps, correlation) == (whole[0], whole[2])
        assert sqnr == pytest.approx(whole[1], rel=1e-12)


def test_energy_inside_is_that_of_the_upsampled_map(phantoms: DataSet) -> None:
    films = phantoms.films("test")
    truth = np.stack([film.targets for film in films])
    cam = np.random.default_rng(0).normal(0, 1, (*truth.shape, 6, 6)).astype(np.float32)
    # decided on every film: maps without a mask count as maps only
    made = {"logits": np.ones_like(truth), "cam": cam, "novelty": np.ones(len(films), np.float32)}
    found = heatmap_evidence(
        made, made, PHANTOM_RULE, np.full((len(films), 2), 320), SPEC, lambda i: phantoms.masks(films[i])
    )
    shares, hits = [], []
    for i, film in enumerate(films):
        for label, mask in phantoms.masks(film).items():
            one = cam[i, LABELS.names.index(label)]
            spread = upsample(np.maximum(one, 0), 192, 192)
            soft = resize(fit(mask.astype(np.uint8) * np.uint8(255), SPEC), SPEC) / 255
            shares.append((spread * soft).sum() / spread.sum())
            row, column = np.array(np.unravel_index(one.argmax(), (6, 6))) * 32
            # input pixel p covers film pixels from p * 320 / 192 on; its centre is half an input pixel further
            hits.append(mask[int((row + 0.5) * 320 / 192), int((column + 0.5) * 320 / 192)])
    assert found.maps == truth.size > found.masks == len(shares)
    assert found.inside_reference == pytest.approx(np.mean(shares))
    assert found.pointing_reference == pytest.approx(np.mean(hits))
    assert found.pointing_artifact == found.pointing_reference


def test_a_map_that_peaks_on_a_bar_points_at_nothing(tmp_path: Path) -> None:
    cam = np.zeros((1, 1, 6, 6), np.float32)
    cam[0, 0, 3, 0] = 1  # an upright film of 192 x 96: column 0 looks at the left bar
    made = {"logits": np.ones((1, 1), np.float32), "cam": cam, "novelty": np.ones(1, np.float32)}
    everywhere = {"A": np.ones((192, 96), np.bool_)}
    found = heatmap_evidence(made, made, independent([0], ("A",)), np.array([[192, 96]]), SPEC, lambda _: everywhere)
    assert (found.masks, found.pointing_reference) == (1, 0)
    assert found.inside_chance == pytest.approx(0.5, abs=0.02)

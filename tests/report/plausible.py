"""Material for a report that is whole and agrees with itself: every figure is computed from the arrays beside it.

Intervals are the loss and a fixed width around it: how intervals are made is tested with the statistics, not here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import Film
from cxredge.evidence import (
    Evidence,
    Explanation,
    HeatmapEvidence,
    LabelEvidence,
    LayerError,
    Results,
    StabilityEvidence,
    StrangerEvidence,
    StressEvidence,
    SubgroupEvidence,
    Temperature,
)  # fmt: skip
from cxredge.evidence_decisions import ClassAnswer, ClassFlip, Confusion, Flip
from cxredge.files import sha256_bytes
from cxredge.outputs import Outputs
from cxredge.parity import numerics
from cxredge.parity.numerics import map_correlations
from cxredge.parity.paired import UNKNOWN
from cxredge.recipe import Recipe
from cxredge.recipe_decision import OperatingPoint
from cxredge.recipe_file import load_recipe
from cxredge.report.material import REFERENCE, ReportMaterial
from cxredge.results import (
    SEMANTICS,
    Artifact,
    ArtifactTimes,
    BenchFigures,
    BootstrapSpec,
    Census,
    Delegation,
    Figures,
    GateResult,
    Paired,
    QualityFigure,
    Verdict,
)  # fmt: skip
from cxredge.vocabulary import QUALITY_KINDS

ZOO = Path(__file__).parents[2] / "model_zoo" / "phantom"
BOOTSTRAP = BootstrapSpec(resamples=2000, level=0.95, seed=0)
ENOUGH = 10
MARGIN = 0.75
"""The least margin of exclusive classes, in log-odds."""
HALF_WIDTH = 0.012
NOISE = {"fp32": 1e-6, "fp16": 2e-3, "w8": 0.03, "w8a8": 0.15}
BYTES = {"fp32": 13_660_000, "fp16": 6_840_000, "w8": 3_560_000, "w8a8": 3_870_000}


def recipe_for(
    labels: Sequence[str],
    artifacts: Sequence[str] | None = None,
    folder_data: bool = False,
    kind: str = "multi-label",
) -> Recipe:
    """The zoo's recipe with other labels, and with margins on the losses. Exclusive classes have folder data."""
    base = load_recipe(ZOO)
    tree = base.model_dump(mode="json")
    tree["labels"].update(names=list(labels), kind=kind)
    decision = {"operating_points", "operating_rules", "margin_rule", "least_margin"}
    tree = {key: value for key, value in tree.items() if key not in decision}
    if kind == "multi-label":
        tree["operating_points"] = {name: {"logit": 0.4, "rule": "youden on val, 140 films"} for name in labels}
    else:
        tree["least_margin"] = {"log_odds": MARGIN, "rule": "accuracy >= 0.9 on val, 140 films, 96 answered, 88 right"}
    for gates in tree["gates"].values():
        gates |= {"auc_loss": 0.02, "sensitivity_loss": 0.05}
        gates |= {"accuracy_loss": 0.03} if kind == "single-label" else {}
    tree["quality"] = {"thresholds": dict.fromkeys(QUALITY_KINDS, 0.5), "rule": "at most 1 % of val, 140 films"}
    if artifacts is not None:
        tree["targets"] = {}
        for name in artifacts:
            target, scheme = name.split("/")
            tree["targets"].setdefault(target, []).append(scheme)
        tree["primary"], tree["bundles"] = artifacts[-1], {}
    if kind == "single-label":
        tree["data"] = {"source": "folder", "name": "films", "label_column": "class"}
    elif folder_data:
        tree["data"] = {"source": "folder", "name": "films"}
    return Recipe.model_validate_json(json.dumps(tree))


def films_for(count: int, labels: int, file: str = "images/film_{:05d}.png", seed: int = 0) -> tuple[Film, ...]:
    """Films of patients with one to three films each; findings in about a quarter."""
    chance = np.random.default_rng(seed)
    targets = (chance.random((count, labels)) < 0.25).astype(np.float32)
    patients = np.cumsum(chance.random(count) < 0.6)
    return tuple(
        Film(file.format(i), Path("nowhere") / f"{i}.png", f"patient-{patients[i]}", "test", targets[i])
        for i in range(count)
    )


def class_films_for(count: int, classes: int, file: str = "images/film_{:05d}.png", seed: int = 0) -> tuple[Film, ...]:
    """The same films, each of one class."""
    truth = np.eye(classes, dtype=np.float32)[np.random.default_rng(seed + 1).integers(0, classes, count)]
    films = films_for(count, classes, file, seed)
    return tuple(replace(film, targets=one) for film, one in zip(films, truth, strict=True))


def outputs_for(
    films: Sequence[Film], artifacts: Sequence[str], seed: int = 0, cells: int = 6, spread: float = 0.9
) -> dict[str, Outputs]:
    """A reference that ranks well but not perfectly, and artifacts with the errors of their schemes.

    spread: how far films of one kind lie apart, in logits.
    """
    chance = np.random.default_rng(seed)
    truth = np.stack([f.targets for f in films])
    n, labels = truth.shape
    cam = chance.normal(-1.5, 1, (n, labels, cells, cells)) + 2.4 * truth[:, :, None, None]
    cam[:, :, 1:4, 2:5] += 1.5 * truth[:, :, None, None]
    cam += chance.normal(0, spread, (n, labels, 1, 1))
    found = {}
    for name in (REFERENCE, *artifacts):
        error = 0.0 if name == REFERENCE else NOISE[name.split("/")[1]]
        noisy = cam + error * (chance.normal(0, 1, (n, labels, 1, 1)) + 3 * chance.normal(0, 1, cam.shape))
        found[name] = {
            "logits": noisy.mean((2, 3)).astype(np.float32),
            "cam": noisy.astype(np.float32),
            "novelty": (1 + chance.random(n)).astype(np.float32),
        }
    return found


def material_for(
    recipe: Recipe,
    films: Sequence[Film],
    outputs: Mapping[str, Outputs],
    *,
    evidence: bool = True,
    extras: bool = True,
    bundle: str = "plausible-1.0.0",
) -> ReportMaterial:
    """All records for these arrays. evidence: beyond gates. extras: latency and error by layer, too."""
    artifacts = tuple(artifact_for(name) for name in recipe.artifacts())
    measured = {a.name: evidence_for(recipe, films, outputs, a) for a in artifacts}
    what = "phantom films" if recipe.data.source == "phantom" else "films"
    results = Results(
        bundle=bundle,
        kind="host",
        recipe=f"{recipe.name} {recipe.version}",
        weights_sha256=recipe.weights.sha256,
        films_sha256=sha256_bytes(b"films"),
        statement=f"Every artifact was run on this machine, on {len(films)} {what}. Phones: not verified here. "
        "Clinical validity was not examined.",
        artifacts=artifacts,
        verdicts=tuple(verdict_for(recipe, outputs, a, measured[a.name]) for a in artifacts),
        evidence=tuple(measured.values()) if evidence else (),
    )
    side = recipe.input.height

    def pixels(film: int) -> NDArray[np.uint8]:
        rows, columns = np.mgrid[0:side, 0:side] / side
        grey = 200 * np.exp(-(((columns - 0.5) / 0.4) ** 2) - ((rows - 0.5) / 0.6) ** 2) + 10 * (film % 5)
        return np.clip(grey, 0, 255).astype(np.uint8)[None].repeat(recipe.input.channels, 0)

    return ReportMaterial(
        results=results,
        recipe=recipe,
        films=tuple(films),
        outputs=outputs,
        pixels=pixels,
        bench=bench_for(artifacts, bundle) if extras else None,
        explanations=tuple(explanation_for(a) for a in artifacts if a.scheme == "w8a8") if extras else (),
    )


def artifact_for(name: str) -> Artifact:
    target, scheme = name.split("/")
    return Artifact(
        name=name,
        target=target,
        scheme=scheme,
        file=f"{scheme}.bin",
        bytes=BYTES[scheme] + 1000 * len(target),
        sha256=sha256_bytes(name.encode()),
        census=Census(weight_bytes={"int8": 1}, activations={}, inputs={}, outputs={}),
        delegation=Delegation(delegate="XNNPACK", partitions=1, delegated=80, total=82) if target != "onnx" else None,
    )


def auc(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve: the chance that a positive outranks a negative (Mann and Whitney)."""
    negatives = np.sort(scores[~truth])
    if not truth.any() or not len(negatives):
        return None
    below = np.searchsorted(negatives, scores[truth], "left") + np.searchsorted(negatives, scores[truth], "right")
    return float(below.mean() / 2 / len(negatives))


def paired(reference: float | None, artifact: float | None, *, rise: bool = False, few: str | None = None) -> Paired:
    if reference is None or artifact is None or few:
        reason = few or "0 positive patients, 10 are needed"
        return Paired(reference=reference, artifact=artifact, loss=None, low=None, high=None, too_few=reason)
    loss = artifact - reference if rise else reference - artifact
    low, high = loss - HALF_WIDTH, loss + HALF_WIDTH
    return Paired(reference=reference, artifact=artifact, loss=loss, low=low, high=high)


def mean(lines: Sequence[Paired], *, rise: bool = False) -> Paired:
    shown = [p for p in lines if p.too_few is None]
    few = None if shown else f"no label with {ENOUGH} positive patients"
    middle = [float(np.mean([getattr(p, key) for p in shown])) if shown else None for key in ("reference", "artifact")]
    return paired(middle[0], middle[1], rise=rise, few=few)


def evidence_for(recipe: Recipe, films: Sequence[Film], outputs: Mapping[str, Outputs], artifact: Artifact) -> Evidence:
    names = recipe.labels.names
    exclusive = recipe.labels.kind == "single-label"
    points = [MARGIN if exclusive else recipe.operating_points[name].logit for name in names]
    cut = np.array(points, np.float32)
    truth = np.stack([f.targets for f in films]) > 0.5
    told = list(recipe.labels.places_told)
    patients = np.unique([f.patient for f in films], return_inverse=True)[1]
    everyone = int(patients.max()) + 1
    r, o = outputs[REFERENCE]["logits"], outputs[artifact.name]["logits"]
    before, after = r >= cut, o >= cut
    raw = r, o
    if exclusive:
        r, o = log_odds(r), log_odds(o)
        before, after = named(r), named(o)
    usual = np.percentile(np.abs(o - r), 95, axis=0)
    near = np.abs(r - cut) <= usual
    flips: tuple[Flip, ...] | tuple[ClassFlip, ...] = class_flips(names, films, r, o, near) if exclusive else tuple(
        Flip(
            label=names[j], film=films[i].file, patient=films[i].patient,
            truth=None if names[j] in recipe.labels.not_judged else bool(truth[i, j]),
            reference=float(r[i, j]), artifact=float(o[i, j]), threshold=float(cut[j]), up=bool(after[i, j]),
            explained=bool(near[i, j]),
        )
        for i, j in np.argwhere(before != after)
    )  # fmt: skip
    heat = 1.7
    lines = []
    for j, name in enumerate(names):
        if name in recipe.labels.not_judged:
            lines.append(not_judged_line(name, len(films), everyone, before[:, j], after[:, j], near[:, j], points[j]))
            continue
        held = len(np.unique(patients[truth[:, j]]))
        few = f"{held} positive patients, {ENOUGH} are needed" if held < ENOUGH else None
        says = [chances(x, exclusive, heat)[:, j] for x in raw]
        brier = [float(((p - truth[:, j]) ** 2).mean()) for p in says]
        ece = [float(abs(p.mean() - truth[:, j].mean())) for p in says]
        rates = [(float(d[truth[:, j], j].mean()) if held else None, float(1 - d[~truth[:, j], j].mean()))
                 for d in (before, after)]  # fmt: skip
        up, down = ~before[:, j] & after[:, j], before[:, j] & ~after[:, j]
        lines.append(
            LabelEvidence(
                label=name,
                films=len(films),
                patients=everyone,
                positives=int(truth[:, j].sum()),
                positive_patients=held,
                auc=paired(auc(r[:, j], truth[:, j]), auc(o[:, j], truth[:, j]), few=few),
                sensitivity=paired(rates[0][0], rates[1][0], few=few),
                specificity=paired(rates[0][1], rates[1][1], few=few),
                ece=paired(*ece, rise=True, few=few),
                brier=paired(*brier, rise=True, few=few),
                flips_up=int(up.sum()),
                flips_down=int(down.sum()),
                flips_explained=int(((up | down) & near[:, j]).sum()),
                points=None if exclusive else OperatingPoint(logit=points[j], rule="youden on val, 140 films"),
            )
        )
    macro = LabelEvidence(
        label=None,
        films=len(films),
        patients=everyone,
        positives=int(truth[:, told].sum()) if told else None,
        positive_patients=len(np.unique(patients[truth[:, told].any(1)])) if told else None,
        auc=mean([e.auc for e in lines]),
        sensitivity=mean([e.sensitivity for e in lines]),
        specificity=mean([e.specificity for e in lines]),
        ece=mean([e.ece for e in lines], rise=True),
        brier=mean([e.brier for e in lines], rise=True),
        flips_up=sum(e.flips_up for e in lines),
        flips_down=sum(e.flips_down for e in lines),
        flips_explained=sum(e.flips_explained for e in lines),
        points=None,
    )
    return Evidence(
        artifact=artifact.name,
        artifact_sha256=artifact.sha256,
        bootstrap=BOOTSTRAP,
        labels=tuple(lines),
        macro=macro,
        temperature=Temperature(reference=heat, artifact=heat, films=140, nll_before=0.61, nll_after=0.54),
        flips=flips,
        confusion=confusion_for(names, truth, before, after) if exclusive else None,
        subgroups=_subgroups(
            films, *(x[:, told] for x in (r, o, truth)), (before != after).any(1) if exclusive else before != after
        ),
        heatmaps=_heatmaps(outputs, artifact.name, before, recipe.data.source == "phantom"),
        strangers=_strangers(artifact),
        stress=_stress(artifact, len(films), macro.auc),
        stability=StabilityEvidence(
            films_a=64, films_b=64, flips_a=len(flips), flips_b=len(flips) + 1, flips_between=3,
            decisions=len(r) if exclusive else r.size,
            sqnr_between_db=31.5,
        ) if artifact.scheme == "w8a8" else None,
    )  # fmt: skip


def not_judged_line(
    name: str, films: int, patients: int, before: np.ndarray, after: np.ndarray, near: np.ndarray, point: float
) -> LabelEvidence:
    return LabelEvidence(
        label=name,
        films=films,
        patients=patients,
        positives=None,
        positive_patients=None,
        **dict.fromkeys(("auc", "sensitivity", "specificity", "ece", "brier"), UNKNOWN),
        flips_up=int((~before & after).sum()),
        flips_down=int((before & ~after).sum()),
        flips_explained=int(((before != after) & near).sum()),
        points=OperatingPoint(logit=point, rule="youden on val, 140 films"),
    )


def chances(logits: np.ndarray, exclusive: bool, heat: float) -> np.ndarray:
    wide = np.exp(logits.astype(np.float64) / heat)
    return wide / wide.sum(1, keepdims=True) if exclusive else wide / (1 + wide)


def log_odds(logits: np.ndarray) -> np.ndarray:
    share = chances(logits, True, 1)
    return np.log(share / (1 - share)).astype(np.float32)


def named(odds: np.ndarray) -> np.ndarray:
    """At most one class a film: log-odds above zero are the likeliest class's alone."""
    return odds >= np.float32(MARGIN)


def class_flips(
    names: Sequence[str], films: Sequence[Film], r: np.ndarray, o: np.ndarray, near: np.ndarray
) -> tuple[ClassFlip, ...]:
    def said(odds: np.ndarray) -> ClassAnswer:
        first, second = np.argsort(-odds, kind="stable")[:2]
        return ClassAnswer(
            answer=names[first] if odds[first] >= MARGIN else None, nearest=names[first], log_odds=float(odds[first]),
            runner_up=names[second],
        )  # fmt: skip

    changed = named(r) != named(o)
    return tuple(
        ClassFlip(
            film=films[i].file, patient=films[i].patient, truth=names[int(films[i].targets.argmax())],
            reference=said(r[i]), artifact=said(o[i]), explained=bool(near[i][changed[i]].all()),
        )
        for i in np.flatnonzero(changed.any(1))
    )  # fmt: skip


def confusion_for(names: Sequence[str], truth: np.ndarray, before: np.ndarray, after: np.ndarray) -> Confusion:
    def counts(called: np.ndarray) -> tuple[tuple[int, ...], ...]:
        answer = np.where(called.any(1), called.argmax(1), len(names))
        return tuple(
            tuple(int((truth[:, i] & (answer == j)).sum()) for j in range(len(names) + 1)) for i in range(len(names))
        )

    return Confusion(classes=tuple(names), reference=counts(before), artifact=counts(after))


def _subgroups(
    films: Sequence[Film], r: np.ndarray, o: np.ndarray, truth: np.ndarray, flipped: np.ndarray
) -> tuple[SubgroupEvidence, ...]:
    parts = np.arange(len(films)) % 7
    found = []
    for value, chosen in (("AP", parts < 3), ("PA", (parts >= 3) & (parts < 6)), ("unknown", parts == 6)):
        held = len({f.patient for f, c in zip(films, chosen, strict=True) if c})
        few = f"{held} patients, {3 * ENOUGH} are needed" if held < 3 * ENOUGH else None
        pair = [auc(x[chosen].ravel(), truth[chosen].ravel()) for x in (r, o)]
        found.append(
            SubgroupEvidence(
                column="view", value=value, films=int(chosen.sum()), patients=held, flips=int(flipped[chosen].sum()),
                decisions=flipped[chosen].size, auc=paired(*pair, few=few), labels_shown=r.shape[1],
            )
        )  # fmt: skip
    return tuple(found)


def _heatmaps(outputs: Mapping[str, Outputs], artifact: str, positive: np.ndarray, phantom: bool) -> HeatmapEvidence:
    film, label = np.nonzero(positive)
    like = map_correlations(outputs[REFERENCE]["cam"][film, label], outputs[artifact]["cam"][film, label])
    there = like[np.isfinite(like)]
    return HeatmapEvidence(
        maps=len(there),
        correlation_median=float(np.median(there)) if len(there) else None,
        correlation_p5=float(np.percentile(there, 5)) if len(there) else None,
        overlap_median=0.97, overlap_p5=0.9, peak_shift_median=0.0, peak_shift_p95=32.0,
        **({"masks": 40, "pointing_reference": 0.7, "pointing_artifact": 0.68, "inside_reference": 0.41,
            "inside_artifact": 0.4} if phantom else {}),
    )  # fmt: skip


def _strangers(artifact: Artifact) -> tuple[StrangerEvidence, ...]:
    lost = 0.04 if artifact.scheme == "w8a8" else 0.0
    kinds = {"ct": "CT slices", "cells": "blood cells", "noise": "noise", "rotated": "films turned by 90 degrees"}
    return tuple(
        StrangerEvidence(
            kind=kind, what=what, pictures=40, auc=paired(0.99 - 0.05 * i, 0.99 - 0.05 * i - lost),
            flagged_reference=0.95 - 0.2 * i, flagged_artifact=0.95 - 0.2 * i - lost,
        )
        for i, (kind, what) in enumerate(kinds.items())
    )  # fmt: skip


def _quality(artifact: Artifact, films: int) -> tuple[QualityFigure, ...]:
    lost = 0.02 if artifact.scheme == "w8a8" else 0.0
    return tuple(
        QualityFigure(
            kind=kind,
            films=min(films, 60),
            found=paired(1 - 0.2 * i, 1 - 0.2 * i - lost),
            ordinary=films,
            false_alarms=paired(0.0, lost, rise=True),
        )
        for i, kind in enumerate(QUALITY_KINDS)
    )


def _stress(artifact: Artifact, films: int, base: Paired) -> tuple[StressEvidence, ...]:
    more = 0.01 if artifact.scheme == "w8a8" else 0.0
    kinds = {"gamma": "gamma 1.5", "noise": "Gaussian noise, 8 grey levels", "blur": "blur of 1.5 pixels"}
    return tuple(
        StressEvidence(
            kind=kind, what=what, films=films, moved_reference=0.03 * (i + 1), moved_artifact=0.03 * (i + 1) + more,
            disagree=0.01 + more, auc=base,
        )
        for i, (kind, what) in enumerate(kinds.items())
    )  # fmt: skip


def verdict_for(recipe: Recipe, outputs: Mapping[str, Outputs], artifact: Artifact, evidence: Evidence) -> Verdict:
    r, o = outputs[REFERENCE], outputs[artifact.name]
    names = recipe.labels.names
    count = len(evidence.flips)
    macro = evidence.macro
    exclusive = recipe.labels.kind == "single-label"
    decided = len(r["logits"]) if exclusive else r["logits"].size
    figures = Figures(
        films=len(r["logits"]),
        logit_max_abs=numerics.max_abs(r["logits"], o["logits"]),
        logit_sqnr_db=numerics.sqnr_db(r["logits"], o["logits"]),
        cam_sqnr_db=numerics.sqnr_db(r["cam"], o["cam"]),
        cam_correlation=numerics.median_map_correlation(r["cam"], o["cam"]),
        novelty_max_rel=0.01,
        decisions=decided,
        flips=count,
        flip_rate=count / decided,
        flips_by_label={e.label: (e.flips_up, e.flips_down) for e in evidence.labels if e.label in names},
        auc=macro.auc,
        sensitivity=macro.sensitivity,
        specificity=macro.specificity,
        ece=macro.ece,
        brier=macro.brier,
        labels_too_few={e.label: e.auc.too_few for e in evidence.labels if e.auc.too_few is not None},
        novelty_auc=evidence.strangers[0].auc,
        quality_sqnr_db=31.0,
        quality_found=paired(1.0, 0.98),
        quality_false_alarms=paired(0.006, 0.012, rise=True),
        quality=_quality(artifact, len(r["logits"])),
        **(classes_for(evidence.confusion) if evidence.confusion else {}),
    )
    bounds = recipe.gates[artifact.scheme]
    gates = []
    held = {"flip_rate": figures.flip_rate, "auc_loss": figures.auc.high}
    if figures.accuracy is not None:
        held["accuracy_loss"] = figures.accuracy.high
    for name, value in held.items():
        bound = getattr(bounds, name)
        if bound is not None:
            kept = "not-shown" if value is None else "kept" if value <= bound else "broken"
            gates.append(GateResult(gate=name, bound=bound, value=value, verdict=kept))
    if artifact.delegation is None:
        gates.append(GateResult(gate="delegated", bound=0.95, value=None, verdict="not-applicable"))
    return Verdict(
        artifact=artifact.name,
        artifact_sha256=artifact.sha256,
        runtime=SEMANTICS if artifact.target == "coreml" else f"{artifact.target} 1.0",
        figures=figures,
        gates=tuple(gates),
        passed=all(g.verdict in ("kept", "not-applicable") for g in gates),
    )


def classes_for(confusion: Confusion) -> dict[str, Paired]:
    """Accuracy, share answered, and accuracy among the answered, by the matrices."""
    values = []
    for counts in (np.array(confusion.reference), np.array(confusion.artifact)):
        right, all_films, answered = np.trace(counts), counts.sum(), counts[:, :-1].sum()
        values.append((right / all_films, answered / all_films, right / answered if answered else None))
    names = ("accuracy", "answered", "accuracy_answered")
    few = None if all(v[2] is not None for v in values) else "0 patients with an answered film, 10 are needed"
    return {
        name: paired(*(None if v[i] is None else float(v[i]) for v in values), few=few if i == 2 else None)
        for i, name in enumerate(names)
    }


def explanation_for(artifact: Artifact) -> Explanation:
    chance = np.random.default_rng(len(artifact.name))
    fall = 48 - 0.35 * np.arange(50) + chance.normal(0, 1.2, 50)
    fall[9:] -= 6
    return Explanation(
        artifact=artifact.name,
        target=artifact.target,
        films=32,
        source="the artifact itself",
        logit_sqnr_db=24.0,
        simulated_db=24.6,
        layers=tuple(
            LayerError(
                module=f"backbone.net.blocks.{i // 10}.{i % 10}.conv_dw", operator="conv2d", tensor=f"tensor_{i}",
                sqnr_db=None if i == 0 else float(fall[i]), share=0.3 if i == 9 else 0.01, restored_db=25.0,
                bad="float16 overflow" if i == 49 else None,
            )
            for i in range(50)
        ),
        unmatched=("head.dropout",),
        fix=f'keep_float: {{{artifact.name}: ["backbone\\\\.net\\\\.blocks\\\\.0"]}}',
    )  # fmt: skip


def bench_for(artifacts: Sequence[Artifact], bundle: str) -> BenchFigures:
    timed = [a for a in artifacts if a.target != "coreml"]
    speed = {"fp32": 9.0, "fp16": 8.5, "w8": 8.8, "w8a8": 4.1}
    return BenchFigures(
        bundle=bundle,
        machine="Linux x86_64",
        threads=1,
        rounds=10,
        not_timed=tuple(a.name for a in artifacts if a.target == "coreml"),
        artifacts=tuple(
            ArtifactTimes(
                name=a.name, bytes=a.bytes, load_ms=20.0, first_ms=14.0, p10_ms=0.9 * speed[a.scheme],
                p50_ms=speed[a.scheme] + 0.1 * len(a.target), p90_ms=1.2 * speed[a.scheme],
                of_eager=speed[a.scheme] / 20, of_fp32=None, bytes_of_fp32=None,
            )
            for a in timed
        ),
    )  # fmt: skip

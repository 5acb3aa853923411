"""The full examination behind the report: all that ``verify`` does, and stress, stability, heatmaps, layers, speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.bundle.bundle import Bundle, open_bundle
from cxredge.evidence import Evidence, Explanation, StabilityEvidence, StrangerEvidence
from cxredge.parity.decisions import rule_of
from cxredge.parity.heatmaps import heatmap_evidence
from cxredge.parity.judge import Answers
from cxredge.parity.label_evidence import examine
from cxredge.parity.novelty_evidence import novelty_evidence
from cxredge.parity.pairs import Both, Pair
from cxredge.parity.stability import halves, stability_evidence
from cxredge.parity.stress_evidence import stress_evidence
from cxredge.places import check_outputs
from cxredge.progress import track
from cxredge.report.material import ReportMaterial
from cxredge.results import BenchFigures
from cxredge.scratch import temporary
from cxredge.stages import Scratch, Stage
from cxredge.vocabulary import ArtifactName
from cxredge.workers.fork_server import ForkServer
from cxredge.workflows.bench import measure as bench
from cxredge.workflows.bundled import Bundled
from cxredge.workflows.explain import explain_artifacts
from cxredge.workflows.materialize import materialize
from cxredge.workflows.stages.artifact import LoweredArtifact
from cxredge.workflows.stages.films import SomeFilms
from cxredge.workflows.stages.outputs import ArtifactOutputs, ReferenceOutputs
from cxredge.workflows.stages.rounding import RoundedWeights
from cxredge.workflows.stages.shifted import ShiftedFilms
from cxredge.workflows.stages.stress import StressedFilms
from cxredge.workflows.verify import Verified, inputs_of, left_out, reference_weights, run_and_judge

BENCH_ROUNDS = 3
EXPLAINED_FILMS = 8


@dataclass(frozen=True, eq=False)
class Examined:
    """All that was measured of one bundle."""

    verified: Verified
    evidence: tuple[Evidence, ...]
    explanations: tuple[Explanation, ...]
    bench: BenchFigures | None
    """None for an app's bundle, which lacks the reference to compare latencies with."""

    def material(self) -> ReportMaterial:
        """What a report is made of."""
        verified, films = self.verified, self.verified.bundled.trial.evaluation
        return ReportMaterial(
            results=verified.results(self.evidence),
            recipe=verified.bundled.recipe,
            films=films.films,
            outputs=verified.outputs(),
            pixels=films.picture,
            bench=self.bench,
            explanations=self.explanations,
        )


def examine_bundle(
    bundle: Path,
    reference: Path | None = None,
    outputs: Sequence[Path] = (),
    required: Sequence[ArtifactName] = (),
) -> Examined:
    """Everything that can be measured of a bundle here. Takes minutes: INT8 artifacts are lowered twice more.

    outputs: where the caller will write what was found. required: see ``verify.left_out``. Raises what
    ``verify_bundle`` and ``check_outputs`` raise.
    """
    opened = open_bundle(bundle)
    check_outputs(outputs, inputs_of(opened, reference))
    bundled = Bundled(opened, reference_weights(opened, reference), left_out(opened, required))
    with temporary("examine") as scratch, ForkServer() as server:
        server.start()  # its imports take as long as the films
        store = Scratch(scratch)
        stressed = StressedFilms(bundled.trial.evaluation)
        verified = run_and_judge(bundled, store, server, (stressed,), ShiftedFilms(bundled.trial.evaluation))
        steady = _stability(verified, server)
        evidence = _evidence(verified, stressed, steady)
        names = [a.artifact for a in bundled.artifacts if a.artifact.scheme == "w8a8"]
        explanations = explain_artifacts(bundled, names, EXPLAINED_FILMS, store, server) if names else ()
    return Examined(verified, tuple(evidence), explanations, _bench(opened))


def _stability(verified: Verified, server: ForkServer) -> Mapping[ArtifactName, StabilityEvidence]:
    """Lower every artifact with calibrated activations on each half of its calibration films, and run it."""
    bundled, store = verified.bundled, verified.store
    recipe, weights, calibration = bundled.recipe, bundled.weights, bundled.calibration
    names = [a.artifact for a in bundled.artifacts if a.artifact.scheme == "w8a8"]
    if calibration is None or not names:
        return {}
    parts = halves(calibration.records)
    outputs: dict[ArtifactName, list[ArtifactOutputs]] = {name: [] for name in names}
    lowered: list[Stage] = []
    for half, rows in zip("ab", parts, strict=True):
        films = SomeFilms(f"half {half} of the calibration", calibration, rows.tolist())
        label = f", half {half}"
        for name in names:
            rounded = RoundedWeights.of(recipe, weights, films, name, label)
            artifact = LoweredArtifact(recipe, weights, name, films, rounded, label)
            lowered.append(artifact)
            outputs[name].append(ArtifactOutputs(artifact, bundled.trial.evaluation))
    wanted = [*lowered, *(stage for stages in outputs.values() for stage in stages)]
    materialize(wanted, store, server, "lowering again on halves of the calibration films")
    rule = rule_of(recipe.labels.names, recipe.decision)
    sizes = len(parts[0]), len(parts[1])
    reference = verified.reference.evaluation.outputs
    return {
        name: stability_evidence(reference, a.read(store).outputs, b.read(store).outputs, rule, sizes)
        for name, (a, b) in outputs.items()
    }


def _evidence(
    verified: Verified, stressed: StressedFilms, steady: Mapping[ArtifactName, StabilityEvidence]
) -> list[Evidence]:
    from cxredge.images.geometry import film_sizes

    bundled, store = verified.bundled, verified.store
    recipe, trial = bundled.recipe, bundled.trial
    films = trial.evaluation.films
    rule = rule_of(recipe.labels.names, recipe.decision)
    sizes = film_sizes([film.source for film in films], recipe.input)
    masks = (lambda i: bundled.data.masks(films[i])) if recipe.data.source == "phantom" else None
    reference = verified.reference
    unmoved = ReferenceOutputs(recipe, bundled.weights, stressed).read(store).outputs["logits"]
    found = []
    for artifact in track(bundled.artifacts, "examining", len(bundled.artifacts)):
        name = artifact.artifact
        judged, answers = verified.judged[name], verified.answers[name]
        r, o = reference.evaluation.outputs, answers.evaluation.outputs
        pair = Pair(films, r["logits"], o["logits"], recipe.labels.places_not_judged)
        basic = examine(name, judged.verdict.artifact_sha256, rule, pair, judged.measures)
        moved = ArtifactOutputs(artifact, stressed).read(store).outputs["logits"]
        found.append(
            basic.model_copy(
                update={
                    "heatmaps": None
                    if recipe.heatmap == "none"
                    else heatmap_evidence(r, o, rule, sizes, recipe.input, masks),
                    "strangers": _strangers(verified, answers),
                    "stress": stress_evidence(
                        Both(r["logits"], o["logits"]).part(stressed.rows),
                        Both(unmoved, moved),
                        pair.truth[stressed.rows],
                        [pair.patients[i] for i in stressed.rows],
                        rule,
                        judged=pair.judged,
                    ),
                    "stability": steady.get(name),
                }
            )
        )
    return found


def _strangers(verified: Verified, answers: Answers) -> tuple[StrangerEvidence, ...]:
    """Empty without a novelty score."""
    bundled, reference = verified.bundled, verified.reference
    shown, novelty = bundled.trial.out_of_distribution, bundled.recipe.novelty
    strange = reference.out_of_distribution, answers.out_of_distribution
    if shown is None or novelty is None or strange[0] is None or strange[1] is None:
        return ()
    return novelty_evidence(
        Both(reference.evaluation.outputs["novelty"], answers.evaluation.outputs["novelty"]),
        [film.patient for film in bundled.trial.evaluation.films],
        Both(strange[0].outputs["novelty"], strange[1].outputs["novelty"]),
        shown.listed(verified.store),
        novelty.threshold,
    )


def _bench(bundle: Bundle) -> BenchFigures | None:
    """Latency on this machine, one thread."""
    return next(bench(bundle.folder, BENCH_ROUNDS)) if bundle.manifest.holds_reference else None

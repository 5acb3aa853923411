"""Verifying a bundle: nothing from a cache, every artifact run again on the held-out films, and judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cxredge.bundle.assemble import reference_file
from cxredge.bundle.build_record import OutOfDistributionRecord
from cxredge.bundle.bundle import Bundle, open_bundle
from cxredge.data.data_sets import data_folders
from cxredge.errors import InputError, nearest, printable
from cxredge.evidence import Evidence, Results
from cxredge.evidence_chance import Chance
from cxredge.outputs import Outputs
from cxredge.parity.judge import Answers, Judged, chance_of
from cxredge.places import check_outputs
from cxredge.report.material import REFERENCE
from cxredge.scratch import temporary
from cxredge.stages import Scratch
from cxredge.targets import get_target
from cxredge.vocabulary import ArtifactName
from cxredge.workers.fork_server import ForkServer
from cxredge.workflows.bundled import Bundled
from cxredge.workflows.materialize import materialize
from cxredge.workflows.stages.out_of_distribution import OutOfDistributionFilms
from cxredge.workflows.stages.outputs import ReferenceOutputs
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.stages.shifted import ShiftedFilms


@dataclass(frozen=True, eq=False)
class Verified:
    """A bundle that was run and judged; its results lie in ``store`` as long as the verification's folder does."""

    bundled: Bundled
    store: Scratch
    reference: Answers
    answers: Mapping[ArtifactName, Answers]
    judged: Mapping[ArtifactName, Judged]

    @property
    def passed(self) -> bool:
        """Whether all gates are kept."""
        return all(j.verdict.passed for j in self.judged.values())

    @property
    def chance(self) -> Chance | None:
        """Whether the reference does better than chance; None where no artifact was judged."""
        return chance_of(self.judged)

    def outputs(self) -> dict[str, Outputs]:
        """What the reference and every artifact said of the films, as a report has it."""
        said: dict[str, Outputs] = {name: answers.evaluation.outputs for name, answers in self.answers.items()}
        return {REFERENCE: self.reference.evaluation.outputs, **said}

    def results(self, evidence: Sequence[Evidence] = ()) -> Results:
        """What ``gate`` and the report read."""
        manifest, record = self.bundled.bundle.manifest, self.bundled.bundle.record
        return Results(
            bundle=manifest.id,
            kind=manifest.kind,
            recipe=f"{record.recipe.name} {record.recipe.version}",
            weights_sha256=record.recipe.weights.sha256,
            films_sha256=record.films.evaluation.films_sha256,
            statement=record.making.statement,
            artifacts=tuple(artifact for artifact in record.artifacts if artifact.name in self.judged),
            not_asked=dict(self.bundled.left_out),
            verdicts=tuple(j.verdict for j in self.judged.values()),
            original=record.recipe.original,
            chance=self.chance,
            evidence=tuple(evidence),
        )


def verify_bundle(
    bundle: Path,
    reference: Path | None = None,
    required: Sequence[ArtifactName] = (),
    outputs: Sequence[Path] = (),
) -> Verified:
    """Hashes, then runs, then verdicts.

    reference: a host bundle of the same student, for a bundle without the reference. required: see ``left_out``.
    outputs: what the caller will write. Raises what ``check_outputs`` raises, InputError BUNDLE-*, MANIFEST-*,
    VERIFY-REFERENCE, VERIFY-REQUIRE, VERIFY-FILMS, VERIFY-STRANGERS, DATA-*, or the first job's error.
    """
    opened = open_bundle(bundle)
    check_outputs(outputs, inputs_of(opened, reference) if outputs else ())
    weights = reference_weights(opened, reference)
    with temporary("verify") as scratch, ForkServer() as server:
        server.start()  # its imports take as long as the films
        return run_and_judge(Bundled(opened, weights, left_out(opened, required)), Scratch(scratch), server)


def run_and_judge(
    bundled: Bundled,
    store: Scratch,
    server: ForkServer,
    extra: Sequence[Pictures] = (),
    shifted: ShiftedFilms | None = None,
) -> Verified:
    """Run the reference and every artifact on all that they are judged on, and judge.

    extra: run on these as well. shifted: the reference alone is run on these, so that its own noise is known.
    """
    trial, artifacts = bundled.trial, bundled.artifacts
    materialize(trial.judged_on, store, server, f"reading the films of {bundled.bundle.manifest.id}")
    if trial.out_of_distribution is not None:
        check_out_of_distribution(bundled, trial.out_of_distribution, store)
    aside = [] if shifted is None else [ReferenceOutputs(trial.recipe, trial.weights, shifted)]
    materialize([*trial.outputs(artifacts, extra), *aside], store, server, f"verifying {bundled.bundle.manifest.id}")
    return judge_said(bundled, store, shifted)


def judge_said(bundled: Bundled, store: Scratch, shifted: ShiftedFilms | None = None) -> Verified:
    """Judge what was said, which is in ``store``."""
    trial, artifacts = bundled.trial, bundled.artifacts
    said = trial.said(artifacts, store)
    noise = None if shifted is None else trial.noise(said, shifted, store)
    return Verified(bundled, store, said.reference, said.artifacts, trial.judge(artifacts, store, said, noise))


def inputs_of(bundle: Bundle, reference: Path | None) -> tuple[Path, ...]:
    """What a verification reads, on the films that the bundle was built with. Raises InputError DATA-MISSING."""
    return (bundle.folder, *([reference] if reference else []), *data_folders(bundle.record.recipe.data))


def left_out(bundle: Bundle, required: Sequence[ArtifactName]) -> dict[ArtifactName, str]:
    """Artifacts of the bundle that this machine lacks the runtime for, and why: they are not asked.

    None where nothing is ``required`` by name: then all are, and what cannot be run is an error of this machine. Raises
    InputError VERIFY-REQUIRE for a required one that the bundle does not hold: no run would bring it.
    """
    check_required(bundle, required)
    if not required:
        return {}
    found = {entry.name: get_target(entry.name.target).availability().run for entry in bundle.manifest.artifacts}
    return {name: why for name, why in found.items() if why is not None}


def check_required(bundle: Bundle, required: Sequence[ArtifactName]) -> None:
    """Raises InputError VERIFY-REQUIRE: the bundle does not hold one."""
    held = [str(entry.name) for entry in bundle.manifest.artifacts]
    for name in required:
        if name not in held:
            raise InputError(
                "VERIFY-REQUIRE",
                f"{printable(name)} is not in the bundle {bundle.manifest.id}, so it cannot be required",
                "require one that it holds, or build the bundle with it",
                nearest(name, held),
            )


def check_out_of_distribution(bundled: Bundled, listed: OutOfDistributionFilms, store: Scratch) -> None:
    """Raises InputError VERIFY-STRANGERS: what was drawn here are not the pictures that the bundle was judged on."""
    wanted = bundled.bundle.record.films.out_of_distribution
    found = OutOfDistributionRecord.of(listed.listed(store))
    if found == wanted:
        return
    raise InputError(
        "VERIFY-STRANGERS",
        f"pictures that are no such films are {_said(found)} here, and were {_said(wanted)} when the bundle was built"
        + (", in other bytes" if found and wanted and found.kinds == wanted.kinds else ""),
        "verify with the data sets that the bundle was built with (CXR_DATA)",
    )


def _said(record: OutOfDistributionRecord | None) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in record.kinds.items()) if record else "none"


def reference_weights(bundle: Bundle, reference: Path | None) -> Path:
    """The reference's weights, from the bundle or from the host bundle named. Raises InputError VERIFY-REFERENCE."""
    if bundle.manifest.holds_reference:
        return bundle.folder / reference_file(bundle.record.recipe)
    if reference is None:
        raise InputError(
            "VERIFY-REFERENCE",
            f"{bundle.folder} is an {bundle.manifest.kind} bundle: it does not hold the float32 student",
            "name the host bundle of the same build: --reference dist/<name>-<version>",
        )
    other = open_bundle(reference)
    same = other.record.recipe.weights.sha256 == bundle.record.recipe.weights.sha256
    if not other.manifest.holds_reference or not same:
        raise InputError(
            "VERIFY-REFERENCE",
            f"{reference} is not a host bundle of the same student",
            "name the host bundle that was built beside this one",
        )
    return reference / reference_file(other.record.recipe)

"""Judging outputs files: figures with known answers, and gates that break."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxredge.data.film import Film
from cxredge.errors import InputError
from cxredge.metrics import by_gate
from cxredge.outputs import OutputsFile, films_digest
from cxredge.parity import numerics
from cxredge.parity.decisions import rule_of
from cxredge.parity.gates import hold
from cxredge.parity.judge import Answers, Shown, judge
from cxredge.recipe import Gates, Recipe
from cxredge.recipe_decision import Quality
from cxredge.recipe_file import load_recipe
from cxredge.report.table import rows
from cxredge.report.table import shown as table
from cxredge.results import Artifact, BootstrapSpec, Census, Delegation, Verdict
from cxredge.vocabulary import QUALITY_KINDS
from support.imported import imported

ROOT = Path(__file__).parent.parent.parent
FILMS = films_digest(["0" * 64, "1" * 64])
DIGEST = "a" * 64
QUICK = BootstrapSpec(resamples=100, level=0.95, seed=1)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Its films and answers are drawn at random here: chance is allowed."""
    whole = load_recipe(ROOT / "model_zoo" / "phantom")
    evaluation = whole.evaluation.model_copy(update={"chance": "allowed"})
    return whole.model_copy(update={"evaluation": evaluation, "quality": None})


def outputs(recipe: Recipe, films: int = 40, seed: int = 0) -> OutputsFile:
    rng = np.random.default_rng(seed)
    classes = len(recipe.labels.names)
    cam = rng.normal(0, 3, (films, classes, 6, 6)).astype(np.float32)
    arrays = {"logits": cam.mean((2, 3)), "cam": cam, "novelty": rng.uniform(0.5, 2, films).astype(np.float32)}
    return OutputsFile("x/y", DIGEST, FILMS, "a runtime", arrays)


def changed(file: OutputsFile, **arrays: np.ndarray) -> OutputsFile:
    return replace(file, outputs={**file.outputs, **arrays})


def answers(recipe: Recipe, evaluation: OutputsFile | None = None) -> Answers:
    return Answers(evaluation or outputs(recipe), outputs(recipe, seed=1), outputs(recipe, films=12, seed=2))


def shown(recipe: Recipe, films: int = 40) -> Shown:
    """Every film of a patient of its own; each label on every second film, more or less."""
    truth = np.random.default_rng(3).integers(0, 2, (40, len(recipe.labels.names))).astype(np.float32)
    listed = [Film(file=f"{i}.png", path=Path(), patient=f"p{i}", split="test", targets=truth[i]) for i in range(40)]
    return Shown(listed[:films], listed, [f"stranger {i}" for i in range(12)])


def verdict(recipe: Recipe, record: Artifact, other: OutputsFile, reference: OutputsFile | None = None) -> Verdict:
    reference = reference or outputs(recipe)
    films = shown(recipe, len(reference.outputs["logits"]))
    return judge(recipe, record, films, answers(recipe, reference), answers(recipe, other), QUICK).verdict


def gated(recipe: Recipe, **bounds: float) -> Recipe:
    return recipe.model_copy(update={"gates": {**recipe.gates, "w8a8": Gates(**bounds)}})


def artifact(scheme: str = "w8a8", delegated: int = 99) -> Artifact:
    return Artifact(
        name=f"tflite/{scheme}", target="tflite", scheme=scheme, file="x.tflite", bytes=10, sha256=DIGEST,
        census=Census(weight_bytes={}, activations={}, inputs={}, outputs={}),
        delegation=Delegation(delegate="XNNPACK", partitions=1, delegated=delegated, total=100),
    )  # fmt: skip


def test_equal_outputs_are_perfect(recipe: Recipe) -> None:
    found = verdict(recipe, artifact(), outputs(recipe))
    figures = found.figures
    assert (figures.logit_max_abs, figures.flips, figures.logit_sqnr_db, figures.cam_sqnr_db) == (0, 0, None, None)
    assert figures.cam_correlation == pytest.approx(1)
    for paired in (figures.auc, figures.sensitivity, figures.specificity, figures.ece, figures.brier):
        assert (paired.loss, paired.low, paired.high) == (0, 0, 0)
    assert figures.labels_too_few == {}
    assert found.passed


def test_sqnr_has_its_closed_form() -> None:
    reference = np.full((10, 3), 2.0, np.float32)
    assert numerics.sqnr_db(reference, reference * np.float32(1.5)) == pytest.approx(20 * np.log10(2))
    assert numerics.sqnr_db(np.zeros((2, 2), np.float32), reference[:2, :2]) is None


def test_correlation_agrees_with_numpy(recipe: Recipe) -> None:
    a, b = outputs(recipe, seed=1).outputs["cam"], outputs(recipe, seed=2).outputs["cam"]
    mixed = (a + b).astype(np.float32)
    one_by_one = [
        np.corrcoef(x.ravel(), y.ravel())[0, 1]
        for f, g in zip(a, mixed, strict=True)
        for x, y in zip(f, g, strict=True)
    ]
    assert numerics.median_map_correlation(a, mixed) == pytest.approx(float(np.median(one_by_one)), abs=1e-12)
    assert numerics.median_map_correlation(np.ones_like(a), a) is None


def test_flips_are_counted_in_both_directions(recipe: Recipe) -> None:
    reference = outputs(recipe)
    cut = np.array([recipe.operating_points[n].logit for n in recipe.labels.names], np.float32)
    low, high = cut - np.float32(1), cut + np.float32(1)
    cam, novelty = reference.outputs["cam"][:4], reference.outputs["novelty"][:4]
    before = changed(reference, logits=np.stack([low, high, high, low]), cam=cam, novelty=novelty)
    after = changed(reference, logits=np.stack([high, low, high, low]), cam=cam, novelty=novelty)
    found = verdict(recipe, artifact(), after, before).figures
    assert set(found.flips_by_label.values()) == {(1, 1)}
    assert found.flips == 2 * len(cut)
    assert found.flip_rate == 0.5
    assert found.auc.too_few is not None, "four films show nothing"


def test_a_logit_exactly_at_the_operating_point_is_positive(recipe: Recipe) -> None:
    rule = rule_of(recipe.labels.names, recipe.decision)
    assert rule.call(rule.cut[None]).all()
    assert not rule.call(np.nextafter(rule.cut, np.float32(-np.inf), dtype=np.float32)[None]).any()


def test_broken_gates_fail(recipe: Recipe) -> None:
    reference = outputs(recipe)
    noisy = changed(
        reference, logits=reference.outputs["logits"] + np.float32(0.5) * np.sign(reference.outputs["logits"])
    )
    strict = gated(recipe, logit_max_abs=0.1, delegated=0.995)
    found = verdict(strict, artifact(), noisy)
    assert not found.passed
    assert {g.gate: g.verdict for g in found.gates} == {"logit_max_abs": "broken", "delegated": "broken"}
    assert verdict(strict, artifact(delegated=100), reference).passed


@pytest.mark.parametrize("gate", ["auc_loss", "sensitivity_loss", "specificity_loss", "ece_rise", "brier_rise"])
def test_a_loss_is_held_by_the_upper_end_of_its_interval(recipe: Recipe, gate: str) -> None:
    """Reference that knows the truth, artifact that was told the opposite of half of it."""
    truth = np.array([film.targets for film in shown(recipe).evaluation])
    cut = np.array([recipe.operating_points[n].logit for n in recipe.labels.names], np.float32)
    right = (cut + 4 * (truth - 0.5)).astype(np.float32)
    wrong = right.copy()
    wrong[:20] = 2 * cut - right[:20]
    reference = changed(outputs(recipe), logits=right)
    said = replace(answers(recipe, reference), validation=reference)
    misled = replace(said, evaluation=changed(reference, logits=wrong))
    strict = gated(recipe, **{gate: 0.05})
    found = judge(strict, artifact(), shown(recipe), said, misled, QUICK).verdict
    figure = getattr(found.figures, by_gate(gate).name)
    assert figure.high > figure.loss > 0.05
    assert found.gates[0].value == figure.high
    assert found.gates[0].verdict == "broken"
    assert judge(strict, artifact(), shown(recipe), said, said, QUICK).verdict.passed


def test_too_few_patients_are_not_shown_and_do_not_pass(recipe: Recipe) -> None:
    reference = outputs(recipe)
    few = {name: array[:6] for name, array in reference.outputs.items()}
    found = verdict(gated(recipe, auc_loss=0.5), artifact(), changed(reference, **few), changed(reference, **few))
    assert (found.gates[0].verdict, found.passed) == ("not-shown", False)


def test_a_figure_that_has_no_value_is_not_shown_and_does_not_pass(recipe: Recipe) -> None:
    reference = outputs(recipe)
    flat = changed(reference, cam=np.ones_like(reference.outputs["cam"]))
    found = verdict(gated(recipe, cam_correlation=0.9), artifact(), flat, flat)
    assert not found.passed
    assert found.gates[0].verdict == "not-shown"


def test_a_gate_on_what_a_target_does_not_have_is_not_applicable(recipe: Recipe) -> None:
    decided_on_the_device = artifact().model_copy(update={"delegation": None})
    found = verdict(gated(recipe, delegated=0.9, logit_max_abs=0.1), decided_on_the_device, outputs(recipe))
    assert {g.gate: g.verdict for g in found.gates} == {"logit_max_abs": "kept", "delegated": "not-applicable"}
    assert found.passed
    assert found.runtime == "a runtime"
    (row,) = rows([(decided_on_the_device, found)])
    assert row[-3:] == ("–", "a runtime", "kept")


def test_other_films_and_other_artifacts_are_refused(recipe: Recipe) -> None:
    reference = outputs(recipe)
    with pytest.raises(InputError, match="PARITY-FILMS"):
        verdict(recipe, artifact(), replace(reference, films_sha256=films_digest(["1" * 64, "0" * 64])))
    with pytest.raises(InputError, match="PARITY-ARTIFACT"):
        verdict(recipe, artifact(), replace(reference, artifact_sha256="b" * 64))
    fewer = changed(reference, **{k: v[:3] for k, v in reference.outputs.items()})
    with pytest.raises(InputError, match="PARITY-SHAPE"):
        verdict(recipe, artifact(), fewer)
    for stack in ("validation", "out_of_distribution"):
        other = answers(recipe)
        other = replace(other, **{stack: replace(getattr(other, stack), films_sha256="c" * 64)})
        with pytest.raises(InputError, match="PARITY-FILMS"):
            judge(recipe, artifact(), shown(recipe), answers(recipe), other, QUICK)


def logits_alone(recipe: Recipe) -> Recipe:
    return gated(
        imported(recipe, "none", novelty=None),
        logit_max_abs=0.1, cam_sqnr_db=20, cam_correlation=0.9, novelty_max_rel=0.1, novelty_auc_loss=0.1,
    )  # fmt: skip


def test_without_maps_and_novelty_their_figures_are_none_and_their_gates_do_not_apply(recipe: Recipe) -> None:
    plain, films = logits_alone(recipe), replace(shown(recipe), out_of_distribution=[])
    logits = [replace(o, outputs={"logits": o.outputs["logits"]}) for o in (outputs(recipe), outputs(recipe, seed=1))]
    said = Answers(logits[0], logits[1], None)
    found = judge(plain, artifact(), films, said, said, QUICK).verdict
    absent = ("cam_sqnr_db", "cam_correlation", "novelty_max_rel", "novelty_auc")
    assert [getattr(found.figures, name) for name in absent] == [None] * 4
    verdicts = {g.gate: g.verdict for g in found.gates}
    assert verdicts.pop("logit_max_abs") == "kept"
    assert (set(verdicts.values()), len(verdicts), found.passed) == ({"not-applicable"}, 4, True)
    assert Verdict.model_validate_json(found.model_dump_json()) == found
    # the same figures do not pass where the recipe says that there are maps and a score
    record = artifact().model_copy(
        update={"census": Census(weight_bytes={}, activations={}, inputs={}, outputs={"logits": "float32"})}
    )
    claimed = plain.model_copy(update={"student": recipe.student, "novelty": recipe.novelty})
    assert {g.verdict for g in hold(claimed, record, found.figures)} == {"kept", "not-shown"}
    header, _ = table([(record, found)])
    assert not [name for name in header if "CAM" in name]


def test_an_artifact_that_lacks_an_output_of_the_reference_is_refused(recipe: Recipe) -> None:
    for name in ("cam", "novelty"):
        whole = outputs(recipe)
        lacking = replace(whole, outputs={key: value for key, value in whole.outputs.items() if key != name})
        with pytest.raises(InputError, match="PARITY-SHAPE"):
            verdict(recipe, artifact(), lacking)
    with pytest.raises(InputError, match="PARITY-FILMS"):
        judge(recipe, artifact(), shown(recipe), answers(recipe), replace(answers(recipe), out_of_distribution=None))


def test_a_reference_that_guesses_keeps_no_gates_unless_the_recipe_allows_it(recipe: Recipe) -> None:
    """The artifact agrees to the last bit, and that is worth nothing."""
    asked = recipe.model_copy(update={"evaluation": recipe.evaluation.model_copy(update={"chance": "judged"})})
    found = verdict(asked, artifact(), outputs(asked))
    assert (found.gates[-1].gate, found.gates[-1].verdict, found.passed) == ("better_than_chance", "broken", False)
    assert found.gates[:-1] == verdict(recipe, artifact(), outputs(recipe)).gates
    truth = np.stack([film.targets for film in shown(asked).evaluation])
    knowing = changed(outputs(asked), logits=(outputs(asked).outputs["logits"] + 4 * truth).astype(np.float32))
    found = verdict(asked, artifact(), knowing, knowing)
    assert (found.gates[-1].verdict, found.gates[-1].bound, found.passed) == ("kept", 0.5, True)
    assert (found.gates[-1].value or 0) > 0.9


def told(recipe: Recipe, lost: int, seed: int) -> tuple[Recipe, Shown, Answers]:
    """A recipe with quality, 20 films with accidents, and what was said: all found but ``lost`` upside-down ones."""
    quality = Quality(thresholds=dict.fromkeys(QUALITY_KINDS, 0.0), rule="test")
    files = answers(recipe, outputs(recipe, seed=seed))
    plain = np.full((40, 4), -3, np.float32)
    found = np.full((80, 4), 2, np.float32)
    found[20 : 20 + lost] = -2
    accidents = changed(outputs(recipe, films=80, seed=seed), quality=found)
    said = replace(files, evaluation=changed(files.evaluation, quality=plain), accidents=accidents)
    films = replace(shown(recipe), accidents=range(0, 40, 2))
    return recipe.model_copy(update={"quality": quality}), films, said


def test_films_held_wrongly_are_judged_by_the_kind_that_loses_most(recipe: Recipe) -> None:
    whole, films, reference = told(gated(recipe, quality_found_loss=0.6, quality_false_alarms_rise=0.05), 0, 0)
    _, _, other = told(recipe, 5, 0)
    found = judge(whole, artifact(), films, reference, other, QUICK).verdict
    assert found.figures.quality_found.loss == pytest.approx(0.25)
    assert [figure.found.artifact for figure in found.figures.quality] == [1, 0.75, 1, 1]
    assert [figure.films for figure in found.figures.quality] == [20] * 4
    assert found.figures.quality_sqnr_db is None  # nothing differs on the ordinary films
    assert found.passed
    strict = gated(whole, quality_found_loss=0.1)
    verdict = judge(strict, artifact(), films, reference, other, QUICK).verdict
    assert {gate.gate: gate.verdict for gate in verdict.gates} == {"quality_found_loss": "broken"}


def test_one_alone_was_shown_the_films_held_wrongly(recipe: Recipe) -> None:
    whole, films, said = told(recipe, 0, 0)
    with pytest.raises(InputError, match="films with accidents"):
        judge(whole, artifact(), films, said, replace(said, accidents=None), QUICK)


def test_gates_of_quality_do_not_apply_without_it(recipe: Recipe) -> None:
    bounds = {"quality_sqnr_db": 20, "quality_found_loss": 0.05, "quality_false_alarms_rise": 0.05}
    found = verdict(gated(recipe, **bounds), artifact(), outputs(recipe))
    assert {gate.gate: gate.verdict for gate in found.gates} == dict.fromkeys(bounds, "not-applicable")
    assert "quality" not in found.figures.model_dump()

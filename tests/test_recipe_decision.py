"""A recipe says one decision, of the kind that its labels have, and names for every label or none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cxredge.decision import MultiLabel, SingleLabel
from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe, parse_recipe

ZOO = Path(__file__).parent.parent / "model_zoo"
FINDINGS, CLASSES = (ZOO / name / "model.yaml" for name in ("phantom", "pneumonia-paed"))
POINTS = "operating_points: {normal: {logit: 0, rule: a}, bacteria: {logit: 0, rule: a}, virus: {logit: 0, rule: a}}\n"


def refused(path: Path, old: str, new: str) -> InputError:
    text = path.read_text()
    assert text.count(old) == 1
    with pytest.raises(InputError) as caught:
        parse_recipe(text.replace(old, new).encode(), "model.yaml")
    return caught.value


def line(path: Path, start: str) -> str:
    (found,) = (line for line in path.read_text().splitlines() if line.startswith(start))
    return found


def test_the_decision_is_the_recipes(tmp_path: Path) -> None:
    findings, classes = load_recipe(FINDINGS), load_recipe(CLASSES)
    assert isinstance(findings.decision, MultiLabel)
    assert findings.decision.operating_points == {n: findings.operating_points[n].logit for n in findings.labels.names}
    assert isinstance(classes.decision, SingleLabel)
    assert classes.least_margin is not None
    assert classes.decision.least_margin == classes.least_margin.log_odds
    for recipe in (findings, classes):
        assert Recipe.model_validate_json(recipe.model_dump_json()).decision == recipe.decision


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("-0.001", "least_margin.log_odds"),
        ("1e39", "least_margin.log_odds"),
        ("sure", "least_margin.log_odds"),
        ("true", "least_margin.log_odds"),
        ('"1"', "least_margin.log_odds"),
    ],
)
def test_a_least_margin_is_a_number_from_zero(value: str, said: str) -> None:
    error = refused(CLASSES, line(CLASSES, "least_margin:"), f"least_margin: {{log_odds: {value}, rule: none}}")
    assert error.code == "RECIPE-VALUE"
    assert said in error.cause


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf"])
def test_a_least_margin_is_no_word_of_yaml(value: str) -> None:
    error = refused(CLASSES, line(CLASSES, "least_margin:"), f"least_margin: {{log_odds: {value}, rule: none}}")
    assert error.code == "RECIPE-SYNTAX"


def test_each_kind_has_its_own_thresholds() -> None:
    error = refused(CLASSES, line(CLASSES, "least_margin:"), POINTS)
    assert "labels.kind is single-label, which needs a least_margin" in error.cause
    error = refused(CLASSES, line(CLASSES, "least_margin:"), line(CLASSES, "least_margin:") + "\n" + POINTS)
    assert "operating_points is for multi-label students" in error.cause
    error = refused(FINDINGS, "\nnovelty:\n", "\nleast_margin: {log_odds: 1, rule: none}\nnovelty:\n")
    assert "least_margin is for single-label students" in error.cause
    error = refused(FINDINGS, "\nnovelty:\n", "\nmargin_rule: {kind: cost, wrong_cost: 2}\nnovelty:\n")
    assert "margin_rule is for single-label students" in error.cause


def test_a_fault_of_the_whole_recipe_points_at_its_key() -> None:
    error = refused(CLASSES, line(CLASSES, "least_margin:"), line(CLASSES, "least_margin:") + "\n" + POINTS)
    at = next(i for i, text in enumerate(CLASSES.read_text().splitlines(), 1) if text.startswith("least_margin:")) + 1
    assert f"model.yaml:{at}:1: operating_points: " in error.cause
    error = refused(FINDINGS, "    cam_correlation: 0.97\n", "    cam_correlation: 0.97\n    accuracy_loss: 0.1\n")
    assert "gates.w8a8.accuracy_loss is for single-label students" in error.cause


@pytest.mark.parametrize(
    "rule",
    [
        "{kind: accuracy}",
        "{kind: answered}",
        "{kind: cost}",
        "{kind: cost, floor: 0.5}",
        "{kind: accuracy, floor: 0.5, wrong_cost: 2}",
        "{kind: accuracy, floor: 1.0}",
        "{kind: cost, wrong_cost: 0}",
        "{kind: youden}",
    ],
)
def test_a_margin_rule_takes_its_own_number(rule: str) -> None:
    assert refused(CLASSES, line(CLASSES, "margin_rule:"), f"margin_rule: {rule}").code == "RECIPE-VALUE"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("{normal: Normal, bacteria: Bacteria}", "display.en must name every label (missing: ['virus']"),
        ("{normal: N, bacteria: B, virus: V, gout: G}", "unknown: ['gout']"),
        ('{normal: N, bacteria: B, virus: "a\\u202eb"}', "labels.display.en.virus"),
        ('{normal: N, bacteria: B, virus: "a\\nb"}', "labels.display.en.virus"),
        (f"{{normal: N, bacteria: B, virus: {'v' * 81}}}", "labels.display.en.virus"),
        ('{normal: N, bacteria: B, virus: ""}', "labels.display.en.virus"),
        ('{normal: N, bacteria: B, virus: " "}', "blank, or with space at its ends"),
        ("{normal: N, bacteria: B, virus: B}", "two labels are shown by the same words"),
        ("{normal: N, bacteria: B, virus: Uncertain}", "no class may be called uncertain"),
    ],
)
def test_a_language_names_every_label_in_a_line(names: str, said: str) -> None:
    error = refused(CLASSES, line(CLASSES, "    en:"), f"    en: {names}")
    assert error.code == "RECIPE-VALUE"
    assert said in error.cause


def test_a_language_is_a_tag() -> None:
    for tag in ("english", "EN", "e", "fr_FR", "pt-br"):
        error = refused(CLASSES, line(CLASSES, "    en:"), line(CLASSES, "    en:").replace("en:", f"{tag}:"))
        assert error.code in ("RECIPE-VALUE", "RECIPE-KEY"), tag


def test_one_class_alone_excludes_nothing() -> None:
    text = CLASSES.read_text()
    start, end = text.index("  display:"), text.index("# a film whose nearest")
    one = text[:start] + text[end:]
    one = one.replace("names: [normal, bacteria, virus]", "names: [normal]")
    with pytest.raises(InputError, match="at least two classes"):
        parse_recipe(one.encode(), "model.yaml")


def test_no_class_is_called_what_a_film_without_one_is_called() -> None:
    text = CLASSES.read_text().replace("virus", "Uncertain")
    with pytest.raises(InputError, match="no class may be called uncertain"):
        parse_recipe(text.encode(), "model.yaml")


def test_a_licence_is_one_line() -> None:
    assert refused(CLASSES, "licence: Apache-2.0", 'licence: "a\\u001b[2J"').code == "RECIPE-SYNTAX"


LABELS = line(FINDINGS, "  names:")


def unjudged(names: str) -> str:
    return f"{LABELS}\n  not_judged: {names}"


def test_labels_that_are_not_judged_are_written_where_there_are_any(tmp_path: Path) -> None:
    assert "not_judged" not in load_recipe(FINDINGS).model_dump_json()
    text = FINDINGS.read_text().partition("\ndistill:")[0].replace(LABELS, unjudged("[Nodule, Effusion]"))
    recipe = parse_recipe(text.encode(), "model.yaml")
    names = recipe.labels.names
    assert Recipe.model_validate_json(recipe.model_dump_json()).labels == recipe.labels
    assert recipe.labels.told == tuple(name for name in names if name not in ("Nodule", "Effusion"))
    assert sorted(recipe.labels.places_told + recipe.labels.places_not_judged) == list(range(len(names)))
    assert {names[i] for i in recipe.labels.places_not_judged} == {"Nodule", "Effusion"}
    everything = parse_recipe(text.replace("[Nodule, Effusion]", f"[{', '.join(names)}]").encode(), "model.yaml")
    assert everything.labels.told == ()


def test_chance_is_judged_unless_it_is_allowed() -> None:
    recipe = load_recipe(FINDINGS)
    assert recipe.evaluation.chance == "judged"
    assert "chance" not in recipe.model_dump_json(include={"evaluation"})
    old = line(FINDINGS, "evaluation:")
    new = f"{old}\n  chance: allowed"
    allowed = parse_recipe(FINDINGS.read_text().replace(old, new).encode(), "model.yaml")
    assert Recipe.model_validate_json(allowed.model_dump_json()).evaluation.chance == "allowed"
    assert refused(FINDINGS, old, new.replace("allowed", "no matter")).choices == ("allowed", "judged")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[]", "at least 1"),
        ("[Nodule, Nodule]", "names a label twice"),
        ("[Nodul]", "not_judged names Nodul, which is no label"),
        ("Nodule", "not_judged"),
        ("[Nodule]", "a teacher trained here learns nothing of it"),  # the recipe trains its own
    ],
)
def test_labels_that_cannot_go_without_ground_truth(value: str, said: str) -> None:
    error = refused(FINDINGS, LABELS, unjudged(value))
    assert (error.code, said in error.cause) == ("RECIPE-VALUE", True)


def test_classes_are_judged_together_or_not_at_all() -> None:
    names = line(CLASSES, "  names:")
    error = refused(CLASSES, names, names + "\n  not_judged: [virus]")
    assert (error.code, "not_judged is for multi-label" in error.cause) == ("RECIPE-VALUE", True)


def test_a_loss_on_labels_needs_labels() -> None:
    """With a trained teacher, labels without ground truth can be distilled, but not from the films' own labels."""
    names = load_recipe(FINDINGS).labels.names
    trained = f'weights: {{file: teacher.safetensors, sha256: "{"0" * 64}"}}'
    labels = f"labels: [{', '.join(names)}]"
    of_a_training = re.compile(r"^    (pretrained|epochs|learning_rate): .*\n", re.M)
    before, _, teacher = FINDINGS.read_text().partition("  teacher:\n")
    text = f"{before}  teacher:\n    {trained}\n    {labels}\n{of_a_training.sub('', teacher)}"
    some, every = (text.replace(LABELS, unjudged(f"[{', '.join(part)}]")) for part in (names[:2], names))
    assert parse_recipe(some.encode(), "model.yaml").labels.not_judged == names[:2]
    with pytest.raises(InputError) as caught:
        parse_recipe(every.encode(), "model.yaml")
    assert "the loss hard has nothing to teach" in caught.value.cause


QUALITY = "quality: {thresholds: {inverted: 0.5, upside-down: 0, turned: 1, mirrored: 2.5}, rule: none yet}"


def with_quality(said: str) -> bytes:
    """The recipe of the findings with another quality, or none where ``said`` is empty."""
    kept, skipping = [], False
    for row in FINDINGS.read_text().splitlines():
        skipping = row.startswith("quality:") or (skipping and row.startswith(" "))
        if not skipping:
            kept.append(row)
    return "\n".join([*kept, said, ""]).encode()


def test_quality_is_said_whole_or_not_at_all() -> None:
    told = parse_recipe(with_quality(QUALITY), "model.yaml")
    assert told.quality is not None
    assert told.quality.thresholds == {"inverted": 0.5, "upside-down": 0, "turned": 1, "mirrored": 2.5}
    assert told.outputs == ("logits", "cam", "novelty", "quality")
    assert Recipe.model_validate_json(told.model_dump_json()) == told
    for said in ("", "quality: none"):
        plain = parse_recipe(with_quality(said), "model.yaml")
        assert plain.quality is None
        assert plain.outputs == ("logits", "cam", "novelty")
        # recipes of older bundles keep their bytes
        assert "quality" not in plain.model_dump(mode="json")


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("turned: 1, ", "", "RECIPE-VALUE", "must name every kind (missing: turned)"),
        ("turned: 1, ", "", "RECIPE-VALUE", "fix: add turned; or take quality out, and run `cxredge quality`"),
        ("turned: 1", "dropped: 1", "RECIPE-VALUE", "quality.thresholds.dropped"),
        ("turned: 1", "turned: .nan", "RECIPE-SYNTAX", ""),
        ("turned: 1", "turned: 1e39", "RECIPE-VALUE", "quality.thresholds.turned"),
        ("turned: 1", "turned: high", "RECIPE-VALUE", "quality.thresholds.turned"),
        (QUALITY, "quality: 3", "RECIPE-VALUE", "quality"),
    ],
)
def test_what_is_no_quality(old: str, new: str, code: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_recipe(with_quality(QUALITY.replace(old, new)), "model.yaml")
    assert caught.value.code == code
    assert said in caught.value.text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "tables with a column a label"),
        ({"data": {"source": "folder", "name": "films", "label_column": "finding"}}, "tables with a column a label"),
        (
            {"data": {"source": "folder", "name": "films"}, "evaluation": {"split": "train"}},
            "evaluation.split is train",
        ),
        ({"data": {"source": "folder", "name": "films"}}, None),
    ],
)
@pytest.mark.parametrize("said", [{"uncertain": {"default": "ones"}}, {"unlabelled": "ignore"}])
def test_what_training_films_may_leave_open_is_said_where_a_table_can(
    change: dict[str, object], words: str | None, said: dict[str, object]
) -> None:
    tree = load_recipe(FINDINGS).model_dump(mode="json")
    tree = {**tree, **change, "labels": {**tree["labels"], **said}}
    if words is None:
        assert Recipe.model_validate(tree).labels.model_dump().keys() >= said.keys()
        return
    with pytest.raises(ValueError, match=words):
        Recipe.model_validate(tree)

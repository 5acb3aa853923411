"""Every mistake in a recipe is answered with its code, its place and the nearest choices."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxredge.errors import InputError
from cxredge.recipe import Recipe
from cxredge.recipe_file import load_recipe, parse_recipe

ZOO = sorted((Path(__file__).parent.parent / "model_zoo").glob("*/model.yaml"))
PHANTOM = next(p for p in ZOO if p.parent.name == "phantom")


@pytest.mark.parametrize("path", ZOO, ids=lambda p: p.parent.name)
def test_zoo_recipes_load_and_round_trip(path: Path) -> None:
    recipe = load_recipe(path.parent)
    assert recipe == load_recipe(path)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert recipe.name == path.parent.name


def broken(old: str, new: str) -> InputError:
    text = PHANTOM.read_text()
    assert old in text
    with pytest.raises(InputError) as caught:
        parse_recipe(text.replace(old, new, 1).encode(), "model.yaml")
    return caught.value


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(PHANTOM.read_text().splitlines(), 1) if text in line)


def test_unknown_key_names_place_and_nearest() -> None:
    error = broken("  percentile:", "  percentil:")
    assert error.code == "RECIPE-KEY"
    assert f"model.yaml:{line_of('  percentile:')}:3" in error.cause
    assert error.choices[0] == "percentile"


def test_unknown_top_level_key() -> None:
    error = broken("\nlicence:", "\nlicense: MIT\nlicence:")
    assert (error.code, error.choices[0]) == ("RECIPE-KEY", "licence")


def test_missing_key() -> None:
    error = broken("\nprimary:", "\n# primary:")
    assert error.code == "RECIPE-LACKS"
    assert "primary" in error.cause


def test_unknown_target_and_scheme_have_choices() -> None:
    error = broken("  tflite:", "  tflight:")
    assert error.code == "RECIPE-VALUE"
    assert error.choices[0] == "tflite"
    error = broken("w8a8]", "w8a9]")
    assert error.choices[0] == "w8a8"


def test_value_out_of_range() -> None:
    error = broken("  percentile: 99.999", "  percentile: 12")
    assert error.code == "RECIPE-VALUE"
    assert "calibration.percentile" in error.cause
    assert "12" in error.cause


def test_union_tag_is_not_part_of_the_place() -> None:
    error = broken("  seed:", "  sede:")
    assert error.code in ("RECIPE-KEY", "RECIPE-LACKS")
    assert "data.phantom" not in error.cause


def test_ranges_are_said_once_by_a_rule_that_exists() -> None:
    short = "  percentile: 99.999"
    error = broken(short, short + "\n  ranges: {rule: mse}")
    assert error.code == "RECIPE-VALUE"
    assert "percentile is the short form of ranges" in error.cause
    error = broken(short, "  ranges: {rule: min-maxx}")
    assert (error.code, error.choices) == ("RECIPE-VALUE", ("min-max", "mse", "percentile"))
    error = broken(short, "  ranges: {percentile: 99}")
    assert (error.code, error.choices) == ("RECIPE-LACKS", ("percentile", "min-max", "mse"))
    assert "calibration.ranges.rule is missing" in error.cause
    error = broken(short, "  ranges: {rule: percentile, percentil: 99}")
    assert (error.code, error.choices[0]) == ("RECIPE-KEY", "percentile")
    error = broken(short, "  ranges: {rule: mse, percentile: 99}")
    assert (error.code, error.choices) == ("RECIPE-KEY", ("rule",))
    error = broken(short, "  ranges: {rule: percentile, percentile: 12}")
    assert "calibration.ranges.percentile: " in error.cause


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("percentile: 99.9", "percentile 99.9"),
        ("ranges: {rule: percentile, percentile: 99.9}", "percentile 99.9"),
        ("ranges: {rule: min-max}", "min-max"),
        ("ranges: {rule: mse}", "mse"),
        ("split: val", "percentile 99.999"),
    ],
)
def test_a_recipe_says_its_rule_of_ranges_also_behind_json(key: str, words: str) -> None:
    text = PHANTOM.read_text().replace("  percentile: 99.999\n", "").replace("  split: val\n", "")
    recipe = parse_recipe(text.replace("calibration:\n", f"calibration:\n  {key}\n").encode(), "model.yaml")
    assert recipe.calibration.rule.words == words
    again = Recipe.model_validate_json(recipe.model_dump_json())
    assert (again, again.calibration.rule) == (recipe, recipe.calibration.rule)
    # a reader of the first version knows no other key than percentile
    assert ("ranges" in recipe.calibration.model_dump()) == key.startswith("ranges")


def test_unknown_data_source() -> None:
    error = broken("  source: phantom", "  source: phantoms")
    assert error.code == "RECIPE-VALUE"
    assert error.choices[0] == "phantom"


def test_gates_for_every_scheme() -> None:
    error = broken("\nprimary: executorch/w8a8", "\nprimary: executorch/w9")
    assert error.code == "RECIPE-VALUE"


@pytest.mark.parametrize("text", [b"a: [", b"\xff\xfe", b"- 1\n- 2", b"", b"a: &x [*x]", b"a: 1\na: 2"])
def test_not_a_recipe(text: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_recipe(text, "model.yaml")
    assert caught.value.code.startswith("RECIPE-")


def test_missing_file_lists_the_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PHANTOM.parent.parent.parent)
    with pytest.raises(InputError) as caught:
        load_recipe(Path("model_zoo/fantom"))
    assert caught.value.code == "RECIPE-MISSING"
    assert caught.value.choices[0] == "model_zoo/phantom"


def test_nan_and_infinity_are_refused() -> None:
    error = broken("  percentile: 99.999", "  percentile: .nan")
    assert error.code == "RECIPE-SYNTAX"
    assert f"model.yaml:{line_of('  percentile:')}:" in error.cause


@pytest.mark.parametrize("count", ["-1", "100001", "2000000000"])
def test_phantom_patients_are_bounded(count: str) -> None:
    assert broken("train: 800", f"train: {count}").code == "RECIPE-VALUE"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 3))
def test_mutated_recipes_never_crash(place: int, byte: int, kind: int) -> None:
    data = bytearray(PHANTOM.read_bytes())
    place %= len(data)
    if kind == 0:
        data[place] = byte
    elif kind == 1:
        del data[place : place + byte]
    elif kind == 2:
        data[place:place] = bytes([byte]) * 3
    else:
        del data[place:]
    try:
        parse_recipe(bytes(data), "model.yaml")
    except InputError as error:
        assert error.code.startswith("RECIPE-")
        assert error.fix


def test_a_recipe_that_asks_nothing_of_films_says_no_such_key() -> None:
    """Keys of kept results, record and manifest are then those of a toolchain without these keys."""
    spec = parse_recipe(PHANTOM.read_bytes(), "model.yaml").input
    was = {"spec": 1, "channels": 1, "height": 192, "width": 192, "fit": "pad", "pad_value": 0}
    assert spec.model_dump(mode="json") == {**was, "no_window": "stored-range"}
    text = PHANTOM.read_text().replace("  fit: pad\n", "  fit: pad\n  modalities: [CR, DX]\n  views: [PA]\n", 1)
    asked = parse_recipe(text.encode(), "model.yaml").input
    assert (asked.modalities, asked.body_parts, asked.views) == (("CR", "DX"), (), ("PA",))
    assert asked.model_dump(mode="json") == {
        **spec.model_dump(mode="json"),
        "modalities": ["CR", "DX"],
        "views": ["PA"],
    }
    assert asked.preprocessing == spec


@pytest.mark.parametrize("value", ["", "[]", "CR", "[cr]", "[CR, CR]", "['CR ']", "[12]", "[NOT-A-CODE]", "{CR: 1}"])
@pytest.mark.parametrize("key", ["modalities", "body_parts", "views"])
def test_a_list_of_codes_is_codes_each_once_and_not_empty(key: str, value: str) -> None:
    error = broken("  fit: pad\n", f"  fit: pad\n  {key}: {value}\n")
    assert error.code == "RECIPE-VALUE"
    assert f"input.{key}" in error.cause
    assert broken("  fit: pad\n", "  fit: pad\n  modality: [CR]\n").choices[0] == "modalities"


def lacking(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_recipe(text.encode(), "model.yaml")
    return caught.value


def test_all_keys_that_are_missing_are_told_at_once_with_lines_to_paste() -> None:
    error = lacking("name: mine\nversion: 0.1.0\ninput: {height: 64}\n")
    assert error.code == "RECIPE-LACKS"
    for key in ("recipe", "licence", "card", "student", "input.width, input.fit", "labels", "data", "gates"):
        assert key in error.cause
    assert "weights" not in error.cause, "a training writes them"
    assert "novelty" not in error.cause
    said = error.text().split("\n")
    assert "labels:" in said, "as it is to be pasted, not indented"
    assert "  # columns of labels.csv" in said
    assert "# below input:" in said


def test_what_is_pasted_as_it_stands_is_refused_where_only_its_writer_knows_a_value() -> None:
    text = "recipe: 1\n" + lacking("recipe: 1\n").paste
    for key, edit, written in (
        ("name", '"EDIT: small letters, digits and -"', "mine"),
        ("labels.names.0", '"EDIT: one or more labels"', "Effusion"),
        ("data.folder.name", '"EDIT: the folder\'s name"', "ours"),
    ):
        error = lacking(text)
        assert error.code == "RECIPE-VALUE"
        assert f"{key.replace('folder.', '')}: " in error.cause
        assert "EDIT" in error.cause
        assert edit in text
        text = text.replace(edit, written)
    assert parse_recipe(text.encode(), "model.yaml").not_yet == ("weights.sha256", "operating_points", "novelty")


@pytest.mark.parametrize("key", [k for k, field in Recipe.model_fields.items() if field.is_required()])
def test_any_one_key_comes_back_with_its_lines(key: str) -> None:
    lines, kept, inside = PHANTOM.read_text().splitlines(), [], False
    for line in lines:
        inside = line.startswith(f"{key}:") or (inside and (line.startswith((" ", "#")) or not line))
        if not inside:
            kept.append(line)
    error = lacking("\n".join(kept))
    assert f"{key} is missing" in error.cause
    pasted = "\n".join(kept) + "\n" + error.paste
    if "EDIT" in error.paste and key in ("name", "labels", "data"):
        assert "EDIT" in lacking(pasted).cause
    else:
        parse_recipe(pasted.encode(), "model.yaml")


def test_all_mistakes_come_at_once() -> None:
    text = PHANTOM.read_text().replace("fit: pad", "fit: stretch").replace("version: 1.0.0", "version: one")
    error = lacking(text.replace("\nprimary:", "\nprimry:").replace("onnx: [fp32, w8a8]", "onnx: [fp32, int8]"))
    version, fit, scheme, key = error.cause.split("\n")
    assert (error.code, "version" in version) == ("RECIPE-VALUE", True)
    assert "input.fit" in fit
    assert fit.endswith("(found 'stretch') (choices: crop, pad, squash)")
    assert "(found 'int8')" in scheme
    assert "unknown key primry (choices: primary," in key
    assert error.fix == "change the value there; remove it, or spell it as one of these"


def test_a_misspelt_key_is_not_one_that_is_missing() -> None:
    error = lacking(PHANTOM.read_text().replace("\nprimary:", "\nprimry:"))
    assert (error.code, error.choices[0]) == ("RECIPE-KEY", "primary")
    error = lacking(PHANTOM.read_text().replace("\nprimary:", "\nprimry:").replace("\nlicence:", "\n# licence:"))
    assert "licence is missing; primry is to be spelt primary" in error.cause
    assert "primary" not in error.paste


def without(*starts: str) -> str:
    """The phantom's recipe without some blocks of its own."""
    kept, inside = [], False
    for line in PHANTOM.read_text().splitlines():
        inside = line.startswith(starts) or (inside and line.startswith(" "))
        if not inside:
            kept.append(line)
    return "\n".join(kept) + "\n"


def test_what_a_training_writes_may_be_left_out_until_then() -> None:
    recipe = parse_recipe(without("weights:", "operating_points:", "novelty:").encode(), "model.yaml")
    assert not recipe.trained
    assert recipe.not_yet == ("weights.sha256", "operating_points", "novelty")
    assert set(recipe.operating_points) == set(recipe.labels.names)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert load_recipe(PHANTOM).not_yet == ()
    trained = parse_recipe(without("operating_points:").encode(), "model.yaml")
    assert (trained.trained, trained.not_yet) == (True, ("operating_points",))
    # some and not all is a slip
    name = trained.labels.names[0]
    some = without("operating_points:") + f"operating_points: {{{name}: {{logit: 0, rule: x}}}}\n"
    assert "must name every label once" in lacking(some).cause


def test_a_teachers_hash_is_never_left_out() -> None:
    text = PHANTOM.read_text().replace("  teacher:\n", "  teacher:\n    weights: {file: t.safetensors}\n", 1)
    assert "distill.teacher.weights.sha256 is missing" in lacking(text).cause

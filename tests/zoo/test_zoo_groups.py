"""What a set keeps apart is called so: patients, or what the recipe says in their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cxredge.errors import InputError
from cxredge.recipe_card import by_groups
from cxredge.zoo.entry_card import card_of
from cxredge.zoo.reading import read_entry
from cxredge.zoo.rows import model_of, table
from support.command import ROOT

ZOO = ROOT / "model_zoo"


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ("patients", "201 films of 4 patients; 1 patient, 10 positive patients are needed; outpatients"),
        (
            "fields of view",
            "201 films of 4 fields of view; 1 of the fields of view, 10 positive fields of view are needed; "
            "outpatients",
        ),
    ],
)
def test_groups_stand_in_place_of_patients(groups: str, said: str) -> None:
    text = "201 films of 4 patients; 1 patient, 10 positive patients are needed; outpatients"
    assert by_groups(text, groups) == said


@pytest.mark.parametrize(
    ("name", "groups"), [("malaria", "fields of view"), ("covid-ct", "blocks of slices"), ("cxr14-lite0", "patients")]
)
def test_card_row_and_json_say_what_was_kept_apart(name: str, groups: str) -> None:
    entry = read_entry(ZOO / name)
    model, card = model_of(entry), card_of(entry)
    assert model.groups == groups
    train = model.patients["train"]
    assert f" films of {train:,} {groups}; " in table([model])[1][0][1]
    assert f"| split | films | {groups} |" in card
    # of malaria's 4 fields of view there is no interval
    assert (f"bootstrap over {groups}, " in card) == (model.test_interval is not None) == (name != "malaria")
    known = groups == "patients"
    assert ("No patient is in two splits." in card) == known
    unknown = f"The {groups} of one split are in no other. Patients are not known: one may be in several splits."
    assert (unknown in card) != known
    if not known:
        said = card.replace("Not for any use with patients.", "").replace("all slices of a patient.", "")
        assert "patient" not in said.partition("## Data")[2]
        assert f"{model.patients['test']} patients" not in said


def test_a_group_that_is_no_plain_noun_is_refused(zoo: Path) -> None:
    file = zoo / "malaria" / "model.yaml"
    file.write_text(file.read_text().replace("groups: fields of view", "groups: '**patients**'"))
    with pytest.raises(InputError) as caught:
        read_entry(file.parent)
    assert caught.value.code == "RECIPE-VALUE"


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("covid-ct", "; no better than chance"),
        ("malaria", "; not known to be better than chance"),
        ("phantom", ""),
    ],
)
def test_a_score_that_is_not_known_to_be_better_than_chance_is_marked(name: str, mark: str) -> None:
    model = model_of(read_entry(ZOO / name))
    cell = table([model])[1][0][4]
    assert cell.endswith(mark)
    assert ("chance" in cell) == bool(mark)
    standing = json.loads(model.model_dump_json())["chance"]
    assert standing == {"covid-ct": "no-better", "malaria": "unknown", "phantom": "better"}[name]


def test_a_score_that_was_not_held_against_chance_is_marked(zoo: Path) -> None:
    file = zoo / "phantom" / "results.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chance": None}))
    entry = read_entry(file.parent)
    assert table([model_of(entry)])[1][0][4].endswith("; not held against chance")
    assert "\nThe student was not held against chance.\n" in card_of(entry)


def test_the_card_of_covid_ct_says_why_its_splits_are_exchanged() -> None:
    card = card_of(read_entry(ZOO / "covid-ct"))
    assert "INT8 ranges come from split test and the agreement of the artifacts from split val" in card
    assert "since val has 94 slices, fewer than ranges are set by" in card


def test_a_figure_has_the_same_digits_wherever_the_card_has_it() -> None:
    card = card_of(read_entry(ZOO / "malaria"))
    assert "student 0.985, teacher 0.980." in card
    assert "has the greatest logit 0.985, the teacher's 0.980 |" in card
    assert "0 labels" not in card

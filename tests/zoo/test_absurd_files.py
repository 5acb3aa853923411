"""Figures that no command can have written, and text that no honest card has, are refused; the rest is no markup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cxredge.errors import InputError
from cxredge.zoo.entry_card import card_of
from cxredge.zoo.reading import read_entry, read_zoo
from support.command import ROOT

SPEED = {"machine": "m", "rounds": 3, "teacher": "t", "teacher_ms": 20.0, "student_ms": 9.0, "artifact_ms": 4.0}


def changed(place: Path, name: str, way: str, value: Any) -> Path:
    """The model's folder, with one value of a file exchanged."""
    file = place / name
    tree: Any = json.loads(file.read_text())
    *steps, last = (int(step) if step.isdigit() else step for step in way.split("."))
    node = tree
    for step in steps:
        node = node[step]
    node[last] = value
    file.write_text(json.dumps(tree))
    return place


ABSURD = [
    ("parity.json", "artifacts.0.bytes", 10**400),
    ("parity.json", "artifacts.0.bytes", -1),
    ("parity.json", "artifacts.0.flips", 10**9),
    ("parity.json", "artifacts.0.auc.reference", 17.0),
    ("parity.json", "artifacts.0.auc.low", 0.9),
    ("parity.json", "artifacts.0.auc.high", None),
    ("parity.json", "artifacts.0.runtime", "ExecuTorch\n\n# Approved"),
    ("parity.json", "patients", -3),
    ("parity.json", "films", 20.5),
    ("results.json", "student.test.macro_auc", 17),
    ("results.json", "student.test.macro_auc", "0.9"),
    ("results.json", "student.test.labels.Nodule.positives", -1),
    ("results.json", "student_test_interval.low", 0.9999),
    ("results.json", "student_test_interval", {"low": 9, "high": -5, "level": 0.95, "resamples": 9, "seed": 1}),
    ("results.json", "student.parameters", 10**30),
    ("results.json", "student.parameters", -5),
    ("results.json", "student.losses.0", 1e300),
    ("results.json", "student.seconds", -1.0),
    ("results.json", "seed", 10**400),
    ("results.json", "splits.test.films", "12"),
    ("results.json", "splits.test.films", True),
    ("results.json", "lost.auc.value", 2.0),
    ("results.json", "chance.figure.value", -0.1),
    ("results.json", "chance.figure.low", 0.99999),
    ("results.json", "name", "other"),
    ("results.json", "name", "malaria"),
    ("results.json", "statement", "Clean.\n\n# Clinically validated"),
    ("results.json", "statement", "\x1b[31mred"),
    ("results.json", "statement", "a\u202eb"),
    ("results.json", "statement", "a\u200bb"),
    ("results.json", "data", "phantoms\r"),
    ("speed.json", "teacher_ms", 1e300),
    ("speed.json", "artifact_ms", 1e-300),
    ("speed.json", "machine", "a\u2066b"),
]


@pytest.mark.parametrize(("name", "way", "value"), ABSURD)
def test_what_no_command_can_have_written_is_refused(zoo: Path, name: str, way: str, value: Any) -> None:
    place = changed(zoo / "phantom", name, way, value)
    with pytest.raises(InputError) as caught:
        read_entry(place)
    assert caught.value.code == "ZOO-FILE"
    assert str(place / name) in caught.value.cause
    assert ": :" not in caught.value.cause
    assert "Input should" not in caught.value.cause


def test_every_committed_file_is_read() -> None:
    assert len(read_zoo(ROOT / "model_zoo")) == len(list((ROOT / "model_zoo").glob("*/model.yaml")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "the whole is to be an object"),
        ('{"name": "phantom"}', "data is missing"),
        ('{"nonsense": 1}', "name is missing"),
    ],
)
def test_a_damaged_file_is_named_in_words(zoo: Path, text: str, said: str) -> None:
    file = zoo / "phantom" / "results.json"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_entry(file.parent)
    assert caught.value.cause == f"{file}: {said}"


@pytest.mark.parametrize(
    "sign", ["\n\n# Clinically validated", "\x1b[2J", "\u202e", "\u200b", "\u2028", "\u2060", "\ufeff"]
)
@pytest.mark.parametrize("key", ["summary", "intended_use"])
def test_a_recipe_with_text_that_is_not_seen_is_refused(zoo: Path, key: str, sign: str) -> None:
    file = zoo / "phantom" / "model.yaml"
    lines = [
        f"  {key}: {json.dumps(f'A student.{sign}x')}" if line.startswith(f"  {key}: ") else line
        for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError) as caught:
        read_entry(file.parent)
    # an escape is no YAML of a recipe
    assert caught.value.code == ("RECIPE-SYNTAX" if "\x1b" in sign else "RECIPE-VALUE")
    assert "\x1b" in sign or f"card.{key}: it holds " in caught.value.cause


def test_markup_of_recipe_and_records_is_text_in_the_card(zoo: Path) -> None:
    evil = "<script>alert(1)</script> <img src=x onerror=y> ![p](https://x.org/a.png) [go](https://x.org) &lt; ` *b*"
    place = changed(zoo / "phantom", "results.json", "statement", evil)
    changed(place, "results.json", "data", "a | b <b>")
    changed(place, "parity.json", "artifacts.0.runtime", "a | <i>b")
    file = place / "model.yaml"
    text = file.read_text()
    summary = next(line for line in text.splitlines() if line.startswith("  summary: "))
    file.write_text(text.replace(summary, f"  summary: {json.dumps('# Clinically validated ' + evil)}"))
    card = card_of(read_entry(place))
    assert "\n\\# Clinically validated &lt;script>" in card
    for markup in ("<script", "<img", "](https://x.org", "<b>", "<i>", "a | b", " *b*"):
        assert markup not in card
    assert "\\![p]\\(https://x.org/a.png) [go]\\(https://x.org) &amp;lt; \\` \\*b\\*" in card
    assert "| a \\| &lt;i>b |" in card

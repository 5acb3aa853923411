"""Names of patients: what is none, and which are one patient's in two ways of writing."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from cxredge.data.data_sets import DataSet, open_data
from cxredge.data.patients import fault, key
from cxredge.errors import InputError
from cxredge.files import sha256_bytes
from cxredge.recipe_data import FolderData
from cxredge.recipe_decision import Labels

ONE = (
    (
        "17",
        "017",
        "0017",
        "17.0",
        "17.00",
        "17.",
        "1.7e1",
        "1.7e+01",
        "17e0",
        "\uff11\uff17",
        "\u0661\u0667",
        "1.7e+001",
        "17,0",
        "1,7E+01",
        ".17e2",
        "170e-1",
    ),
    (
        "P17",
        "p17",
        "P-17",
        "P_017",
        "p 17",
        "P\u00a017",
        "\uff3017",
        "p.17",
        "P17.0",
        "p17,00",
        "\u042017",
        "\u03a1-17",
    ),
    ("jos\u00e9", "jose\u0301", "JOS\u00c9"),
    ("stra\u00dfe", "STRASSE"),
    ("1234567.0", "1.234567e+06", "1234567", "1234567.000"),
    ("nih_00000150", "NIH-150", "nih 0150"),
    ("0", "0.0", "000"),
    ("19.5", "19.50", "019,5", "1.95e1", "195e-1"),
    ("8,000", "8000.0", "8 000.00", "8e3"),
    ("patient_a", "patienta", "Patient A"),
    ("5678901", "5,678,901", "5 678 901", "5'678'901", "56789.01e2"),
    ("Мария 3", "мария-03", "МAРИЯ3"),
)
"""Each line is one patient, in several ways of writing; no two lines are."""
OTHERS = (
    "1-12",
    "11-2",
    "112",
    "q17",
    "17b",
    "17.5",
    "17.5.1",
    "1.7",
    "jose",
    "p1 7",
    "p",
    "p017x",
    "17e",
    "1.7e-1",
    "2.17.5",
    "1,7,5",
    "\u0414\u0438\u043c\u0430",
)


def test_ways_of_writing_one_name_are_equal_and_others_are_not() -> None:
    groups = [*ONE, *((name,) for name in OTHERS)]
    for names in groups:
        assert len({key(name) for name in names}) == 1, names
    for one, other in itertools.combinations(groups, 2):
        assert key(one[0]) != key(other[0]), (one[0], other[0])


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "p1 ", " p1", "p1\t", "p1\n", "\u00a0p1", "p1\u3000", "\u200bp1", "p\u200d1", "\ufeffp1", "p\x001"),
        *("p\u00ad1", "p\x1b[31m1", "nan", "NaN", "NAN", "none", "None", "null", "NULL", "NA", "n/a", "<NA>", "NaT"),
        *("#VALUE!", "#REF!", "#NULL!", "(null)", "N.A.", "Unknown", "-", "--", "?", "...", "ab\ufe0fc12", "a\u034f1"),
        *("\u3164", "p\u115f1", "\uffa0p1", "p\u28001", "p1\U000e0100", "p\u180b1", "\u17b4p1"),
    ],
)
def test_what_names_no_patient_is_refused_with_its_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fault(name)
    error = refused(tmp_path, monkeypatch, [("a", name, "train", ""), ("b", "p2", "test", "")])
    assert error.code == "DATA-VALUE"
    assert "line 2, column group" in error.cause or "line 3, column group" in error.cause


@pytest.mark.parametrize("names", ONE, ids=lambda names: names[0])
@pytest.mark.parametrize("splits", [("train", "test"), ("val", "test"), ("train", "val")])
def test_one_patient_in_two_splits_is_named_in_both_ways(
    names: tuple[str, ...], splits: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in names[1:]:
        error = refused(tmp_path, monkeypatch, [("a", names[0], splits[0], ""), ("b", other, splits[1], "")])
        assert error.code == "DATA-LEAK"
        assert repr(names[0]) in error.cause
        assert repr(other) in error.cause
        assert "images/a.png" in error.cause
        assert "images/b.png" in error.cause


def test_a_number_of_many_digits_is_a_name() -> None:
    assert key("9" * 9000) == key("00" + "9" * 9000) == ("9" * 9000,)


def test_names_that_only_look_alike_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_DATA", str(tmp_path))
    rows = [(f"f{i}", name, ("train", "val", "test")[i % 3], "") for i, name in enumerate(OTHERS)]
    films = write(tmp_path, rows)
    assert sum(len(films.patients(split)) for split in ("train", "val", "test")) == len(OTHERS)


def test_the_same_bytes_in_two_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refused(tmp_path, monkeypatch, [("a", "p1", "train", "same"), ("b", "p2", "test", "same")])
    assert error.code == "DATA-LEAK"
    assert "are the same bytes" in error.cause


def write(root: Path, rows: list[tuple[str, str, str, str]]) -> DataSet:
    """A set of films (name, patient, split, content) with a list of hashes."""
    folder = root / "mine"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines, sums = ["file,group,Nodule,split"], []
    for name, patient, split, content in rows:
        data = (content or name).encode()
        (folder / "images" / f"{name}.png").write_bytes(data)
        lines.append(f'images/{name}.png,"{patient}",0,{split}')
        sums.append(f"{sha256_bytes(data)}  images/{name}.png")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", newline="")
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    return open_data(FolderData(source="folder", name="mine"), Labels(names=("Nodule",)), root / "cache")


def refused(root: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, str, str, str]]) -> InputError:
    monkeypatch.setenv("CXR_DATA", str(root))
    with pytest.raises(InputError) as caught:
        write(root, rows)
    return caught.value

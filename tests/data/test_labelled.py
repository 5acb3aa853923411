"""Labels that a person names, held against a set's table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cxredge.data.data_sets import open_data
from cxredge.data.labelled import PHANTOMS, labelled
from cxredge.data.root import data_root
from cxredge.errors import CxrError
from cxredge.phantoms.lesions import PHANTOM_LABELS
from cxredge.recipe_data import FolderData
from cxredge.recipe_decision import Labels
from cxredge.statistics.probabilities import Kind

Writer = Callable[[str], None]
BINARY = "file,split,group,Nodule,Mass,age\na.png,train,1,0,1,40\nb.png,val,2,1,0,50\n"
CLASSES = "file,split,group,finding,view\na.png,train,1,normal,PA\nb.png,val,2,tb,AP\n"
BOTH = "file,split,group,finding,normal,tb\na.png,train,1,normal,1,0\nb.png,val,2,tb,0,1\n"
TWICE = "file,split,group,finding,verdict\na.png,train,1,normal,tb\nb.png,val,2,tb,tb\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    monkeypatch.setenv("CXR_DATA", str(tmp_path))
    (tmp_path / "films").mkdir()

    def write(text: str) -> None:
        (tmp_path / "films" / "labels.csv").write_text(text)

    return write


def refused(*given: object) -> CxrError:
    with pytest.raises(CxrError) as caught:
        labelled(*given)  # type: ignore[arg-type]
    return caught.value


def test_independent_findings(write: Writer) -> None:
    write(BINARY)
    data, labels = labelled("films", ("Mass", "Edema", "Nodule"), None, None)
    assert data == FolderData(source="folder", name="films")
    assert (labels.kind, labels.names, labels.not_judged) == ("multi-label", ("Mass", "Edema", "Nodule"), ("Edema",))


def test_classes(write: Writer) -> None:
    write(CLASSES)
    data, labels = labelled("films", ("tb", "normal"), None, None)
    assert data == FolderData(source="folder", name="films", label_column="finding")
    assert (labels.kind, labels.names, labels.not_judged) == ("single-label", ("tb", "normal"), ())


def test_phantoms() -> None:
    data, labels = labelled("phantom", (*PHANTOM_LABELS, "Fracture"), None, None)
    assert data == PHANTOMS
    assert (labels.kind, labels.not_judged) == ("multi-label", ("Fracture",))


def test_which_kind_is_said(write: Writer) -> None:
    write(BOTH)
    error = refused("films", ("normal", "tb"), None, None)
    assert (error.code, error.choices) == ("LABELS-KIND", ("multi-label", "single-label"))
    assert labelled("films", ("normal", "tb"), None, "multi-label")[1].kind == "multi-label"
    assert labelled("films", ("normal", "tb"), None, "single-label")[1].kind == "single-label"
    assert labelled("films", ("normal", "tb"), "finding", None)[1].kind == "single-label"


def test_neither_kind_is_there(write: Writer) -> None:
    write(BINARY)
    error = refused("films", ("A", "B"), None, None)
    assert (error.code, error.choices) == ("LABELS-NONE", ("Nodule", "Mass"))
    assert refused("films", ("A", "B"), None, "multi-label").code == "LABELS-NONE"
    error = refused("films", ("A", "B"), None, "single-label")
    assert (error.code, error.choices) == ("LABELS-COLUMN", ("Nodule", "Mass", "age"))
    write(CLASSES)
    assert refused("films", ("A", "B"), None, None).choices == ("finding: normal/tb",)
    assert refused("films", ("A", "B"), None, "single-label").choices == ("finding: normal/tb",)
    assert refused("films", ("normal",), None, "single-label").code == "LABELS-COLUMN"


@pytest.mark.parametrize("said", ["mass", "MASS", "Mas", "Masss", "Msas", "Mass_"])
@pytest.mark.parametrize("kind", [None, "multi-label"])
def test_a_misspelt_finding_is_refused(write: Writer, said: str, kind: str | None) -> None:
    """It would be exported and judged on nothing."""
    write(BINARY)
    error = refused("films", ("Nodule", said), None, kind)
    assert (error.code, error.choices) == ("LABELS-SPELLING", ("Mass",))
    assert said in error.cause
    assert refused("films", (said,), None, kind).choices == ("Mass",)


def test_what_is_another_name_is_not_judged(write: Writer) -> None:
    write(BINARY.replace("Mass", "Emphysema"))
    for other in ("Empyema", "Edema", "Module_2"):
        assert labelled("films", ("Nodule", other), None, None)[1].not_judged == (other,)
    # the column is taken by a label of its own
    write(BINARY.replace("Mass", "Lesion_1"))
    assert labelled("films", ("Lesion_1", "Lesion_2"), None, None)[1].not_judged == ("Lesion_2",)


def test_a_misspelt_class_is_refused(write: Writer) -> None:
    write(CLASSES)
    for kind in (None, "single-label"):
        error = refused("films", ("tb", "Norml"), None, kind)
        assert (error.code, error.choices) == ("LABELS-SPELLING", ("normal",))
    assert refused("phantom", ("Nodul",), None, None).choices == ("Nodule",)


def test_a_column_that_is_called_so_and_holds_more_than_0_and_1(write: Writer) -> None:
    write(BINARY.replace("1,0,1,40", "1,0,-1,40"))
    for kind in (None, "multi-label"):
        error = refused("films", ("Nodule", "Mass"), None, kind)
        assert error.code == "LABELS-CELLS"
        assert "column Mass, holds '-1'" in error.cause
        assert refused("films", ("Mass",), None, kind).code == "LABELS-CELLS"
    write(BINARY.replace("1,0,1,40", "1,0.0,1.0,40"))
    assert labelled("films", ("Nodule", "Mass"), None, None)[1].not_judged == ()
    write(BINARY.replace("age", "Mass"))
    assert refused("films", ("Nodule", "Mass"), None, None).code == "DATA-COLUMN"


def test_one_class_of_a_column_is_one_finding(write: Writer) -> None:
    write(CLASSES)
    ways: list[tuple[str | None, Kind | None]] = [(None, None), (None, "multi-label"), ("finding", None)]
    for column, kind in ways:
        data, labels = labelled("films", ("tb",), column, kind)
        assert data == FolderData(source="folder", name="films", label_column="finding")
        assert (labels.kind, labels.names, labels.not_judged) == ("multi-label", ("tb",), ())
    for name in ("a.png", "b.png"):
        (data_root() / "films" / name).touch()
    films = open_data(data, labels, Path("unused"))
    assert [film.targets.tolist() for split in ("train", "val") for film in films.films(split)] == [[0.0], [1.0]]
    with pytest.raises(CxrError, match="calls no film Mass") as caught:
        open_data(data, Labels(names=("tb", "Mass")), Path("unused"))
    assert caught.value.code == "DATA-COLUMN"
    write(TWICE.replace("tb,tb", "tb,normal"))
    error = refused("films", ("tb",), None, None)
    assert (error.code, error.choices) == ("LABELS-COLUMN", ("finding", "verdict"))


def test_findings_of_a_column_that_is_named(write: Writer) -> None:
    """Independent all the same, where it is said so: a film has the one that its cell names."""
    write(CLASSES)
    data, labels = labelled("films", ("tb", "Mass"), "finding", "multi-label")
    assert data == FolderData(source="folder", name="films", label_column="finding")
    assert (labels.kind, labels.not_judged) == ("multi-label", ("Mass",))
    assert refused("films", ("Mass", "Edema"), "finding", "multi-label").choices == ("finding: normal/tb",)
    assert refused("films", ("tb", "Normal"), "finding", "multi-label").code == "LABELS-SPELLING"
    assert refused("films", ("tb", "Mass"), "finding_2", "multi-label").code == "DATA-COLUMN"
    assert refused("films", ("tb", "Mass"), "group", "multi-label").code == "LABELS-NONE"


def test_two_columns_have_the_classes(write: Writer) -> None:
    write(TWICE)
    error = refused("films", ("normal", "tb"), None, None)
    assert (error.code, error.choices) == ("LABELS-COLUMN", ("finding", "verdict"))
    data, _ = labelled("films", ("normal", "tb"), "verdict", None)
    assert data == FolderData(source="folder", name="films", label_column="verdict")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("Mass", "Mass"), ""),
        (("Mass", "mass effect"), "mass effect"),
        (("Mass", "1st"), "1st"),
        (("Mass", ""), ""),
        (("Mass", "../x"), "../x"),
        (("Mass", "\x1b[2J"), "\\x1b[2J"),
    ],
)
def test_names_that_are_none(write: Writer, names: tuple[str, ...], words: str) -> None:
    write(BINARY)
    error = refused("films", names, None, None)
    assert error.code == "LABELS-NAME"
    assert words in error.cause
    assert "\x1b" not in error.cause


def test_sets_that_are_not_there(write: Writer) -> None:
    write(BINARY)
    error = refused("film", ("Mass",), None, None)
    assert (error.code, error.choices) == ("DATA-MISSING", ("films", "phantom"))
    assert refused("../films", ("Mass",), None, None).code in ("DATA-MISSING", "DATA-NAME")
    assert refused("phantom", ("Fracture",), None, None).code == "LABELS-NONE"


def test_no_label_at_all(write: Writer) -> None:
    write(BINARY)
    assert refused("films", (), None, None).code.startswith("LABELS-")

"""Labels that a person names, held against a set's table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cxredge.data.labelled import PHANTOMS, labelled
from cxredge.errors import CxrError
from cxredge.phantoms.lesions import PHANTOM_LABELS
from cxredge.recipe import FolderData

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
    assert refused("films", ("normal",), None, "single-label").code == "LABELS-COLUMN"


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

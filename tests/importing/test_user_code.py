"""A person's own Python file: what it makes, and what is said where it makes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cxredge.errors import CxrError
from cxredge.importing.user_code import MODULE, from_code

Writer = Callable[[str], Path]
GOOD = """
import dataclasses
from torch import nn
import {beside}

@dataclasses.dataclass
class Settings:
    width: int = 3

def plain(): return nn.Linear(1, 2)
def told(num_classes, in_channels=3): return nn.Linear(in_channels, num_classes)
def wide(*, classes=9, dropout=0.1, **rest): return nn.Linear(1, classes)
def greedy(weights, flavour): return nn.Linear(1, 1)
def wrong(): return {{"a": 1}}
def fails():
    x = 1
    raise KeyError("no such layer")
def leaves():
    import sys
    sys.exit(3)
class Net(nn.Module):
    def __init__(self, n_classes=4):
        super().__init__()
        self.fc = nn.Linear(2, n_classes)
ready = Net()
number = 3
"""


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Writer]:
    before = list(sys.path)

    def write(text: str) -> Path:
        (tmp_path / "my_net.py").write_text(text)
        return tmp_path / "my_net.py"

    yield write
    sys.path[:] = before
    sys.modules.pop(MODULE, None)


@pytest.fixture
def good(write: Writer, tmp_path: Path) -> Path:
    beside = f"beside_{tmp_path.name}"
    (tmp_path / f"{beside}.py").write_text("")
    return write(GOOD.format(beside=beside))


def refused(file: Path, factory: str) -> CxrError:
    with pytest.raises(CxrError) as caught:
        from_code(file, factory, 5, 1)
    return caught.value


@pytest.mark.parametrize(
    ("factory", "shape"), [("plain", (2, 1)), ("told", (5, 1)), ("wide", (5, 1)), ("Net", (5, 2)), ("ready", (4, 2))]
)
def test_what_makes_a_network(good: Path, factory: str, shape: tuple[int, int]) -> None:
    network = from_code(good, factory, 5, 1)
    assert not network.training
    assert next(network.parameters()).shape == shape


def test_a_file_is_run_once(tmp_path: Path, write: Writer) -> None:
    told = tmp_path / "told"
    code = f"from torch import nn\nopen({str(told)!r}, 'a').write('run ')\ndef make(): return nn.Linear(2, 2)\n"
    file = write(code)
    for channels in (3, 1):
        from_code(file, "make", 2, channels)
    assert told.read_text() == "run "
    from_code(write(code + "# changed\n"), "make", 2, 1)
    assert told.read_text() == "run run "


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("plian", "has no plian"),
        ("greedy", "greedy of"),
        ("greedy", "wants weights, flavour"),
        ("wrong", "gives a dict, and no torch.nn.Module"),
        ("fails", "line 17: fails raises KeyError: 'no such layer'"),
        ("leaves", "line 20: leaves ends the program (sys.exit)"),
        ("number", "is of type int"),
    ],
)
def test_what_makes_none(good: Path, factory: str, words: str) -> None:
    error = refused(good, factory)
    assert error.code == "IMPORT-CODE"
    assert words in error.cause


def test_choices_are_the_file_s_own(good: Path) -> None:
    choices = refused(good, "plian").choices
    assert choices[0] == "plain"
    assert set(choices) == {"plain", "told", "wide", "greedy", "wrong", "fails", "leaves", "Net", "Settings", "ready"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ny = (\n", "line 2: the import raises SyntaxError"),
        ("x = 1\nimport no_such_package_here\n", "line 2: the import raises ModuleNotFoundError"),
        ("import sys\nsys.exit()\n", "line 2: the import ends the program"),
        ("1 / 0", "line 1: the import raises ZeroDivisionError"),
        ("x = '\0'", "the import raises SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_imported(write: Writer, text: str, words: str) -> None:
    error = refused(write(text), "net")
    assert error.code == "IMPORT-CODE"
    assert words in error.cause


def test_no_such_file(write: Writer, tmp_path: Path) -> None:
    assert refused(tmp_path / "none.py", "net").code == "PATH-READ"
    assert refused(tmp_path, "net").code == "PATH-READ"
    (tmp_path / "net.txt").write_text("")
    assert refused(tmp_path / "net.txt", "net").code == "IMPORT-CODE"

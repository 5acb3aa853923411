"""What counts as a module's code: its transitive imports, and nothing that only looks like one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxredge import code_digest as module
from cxredge.code_digest import code_digest, code_of, files_digest

FILES = {
    "__init__": "",
    "files": "",
    "room/__init__": "from cxredge.room import helper",
    "room/helper": "",
    "room/job": """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        import cxredge.files
        if TYPE_CHECKING:
            from cxredge.other import words

        def do() -> None:
            from cxredge.room.late import thing
        """,
    "room/late": "from cxredge import deep",
    "deep": "import json",
    "other/__init__": "",
    "other/words": "",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small package of its own in the place of the real one."""
    for name, text in FILES.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    monkeypatch.setattr(module, "ROOT", tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    for function in (module.code_digest, module.files_digest, module._file_digest, module._imports, module._is_module):
        function.cache_clear()


def test_imports_in_functions_and_packages_count_and_those_for_the_type_checker_do_not(tree: Path) -> None:
    names = {name.removeprefix("cxredge").removeprefix(".") for name in code_of("cxredge.room.job")}
    assert names == {"", "files", "room", "room.helper", "room.job", "room.late", "deep"}


@pytest.mark.parametrize(("changed", "counts"), [("deep", True), ("room/helper", True), ("other/words", False)])
def test_the_digest_changes_with_the_code_alone(tree: Path, changed: str, counts: bool) -> None:
    before = code_digest("cxredge.room.job")
    file = tree / f"{changed}.py"
    file.write_text(file.read_text() + "\n# reworded\n")
    forget()
    assert (code_digest("cxredge.room.job") != before) is counts


def test_files_alone_count_without_what_they_import(tree: Path) -> None:
    before = files_digest("cxredge.room.job")
    (tree / "deep.py").write_text("# reworded\n")
    forget()
    assert files_digest("cxredge.room.job") == before
    (tree / "room" / "job.py").write_text("# reworded\n")
    forget()
    assert files_digest("cxredge.room.job") != before


def test_a_module_that_is_none_is_an_error_of_ours(tree: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"cxredge\.nowhere"):
        code_of("cxredge.nowhere")

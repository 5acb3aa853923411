"""What those who pick the project up rely on: licence, wheel, editor settings, and hooks that are the lint target."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from support.command import ROOT

TEXT = (".css", ".js", ".json", ".kt", ".kts", ".md", ".properties", ".py", ".sh", ".toml", ".xml", ".yaml", ".yml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from the tree as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.iterdir()
    return zipfile.ZipFile(file)


def test_the_wheel_is_typed_and_says_its_licence(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "cxredge/py.typed" in names
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    head = wheel.read(metadata).decode().splitlines()
    assert "License-Expression: Apache-2.0" in head
    assert "License-File: LICENSE" in head
    (licence,) = (name for name in names if name.endswith("/licenses/LICENSE"))
    text = wheel.read(licence)
    assert text == (ROOT / "LICENSE").read_bytes()
    assert b"Apache License\n                           Version 2.0, January 2004" in text


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "toolchain" / "cxredge"
    wanted = {
        f"cxredge/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted == {name for name in wheel.namelist() if name.startswith("cxredge/")}


def test_hooks_run_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert recipe is not None
    commands = [line.strip().removeprefix("@") for line in recipe.group(1).splitlines()]
    hooks = [
        hook
        for repository in YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"]
        for hook in repository["hooks"]
        if repository["repo"] == "local"
    ]
    assert [hook["entry"] for hook in hooks] == commands
    assert len(commands) == 3
    for hook in hooks:
        # the whole tree, whatever is committed, with what .venv holds
        assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("system", False, True)


def test_no_hook_is_fetched() -> None:
    repositories = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]


def settings(path: Path) -> dict[str, str]:
    """What the nearest .editorconfig says of a file: of the sections that fit, later ones win."""
    folder = next(parent for parent in path.parents if (parent / ".editorconfig").is_file())
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string("[DEFAULT]\n" + (folder / ".editorconfig").read_text())
    found: dict[str, str] = {}
    for section in parser.sections():
        fitting = re.fullmatch(r"(.*?)\{(.*)\}(.*)", section)
        globs = [f"{fitting[1]}{one}{fitting[3]}" for one in fitting[2].split(",")] if fitting else [section]
        place = path.relative_to(folder).as_posix()
        if any(fnmatch(place if "/" in glob else path.name, glob) for glob in globs):
            found |= {key: value for key, value in parser[section].items() if key != "root"}
    return found


def test_sources_look_as_editors_are_told() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name.endswith(TEXT) or name == "Makefile"]
    assert len(files) > 500
    wrong = []
    for path in filter(Path.is_file, files):
        told, text = settings(path), path.read_bytes().decode(settings(path)["charset"])
        lines = text.split("\n")
        if told["insert_final_newline"] == "true" and text and not text.endswith("\n"):
            wrong.append(f"{path}: no newline at the end")
        if told.get("trim_trailing_whitespace") == "true" and any(line != line.rstrip() for line in lines):
            wrong.append(f"{path}: blanks at the end of a line")
        if told["end_of_line"] == "lf" and "\r" in text:
            wrong.append(f"{path}: carriage returns")
        if told.get("indent_style") == "space" and any(line.startswith("\t") for line in lines):
            wrong.append(f"{path}: tabs")
        if told.get("indent_style") == "tab" and not any(line.startswith("\t") for line in lines):
            wrong.append(f"{path}: no tabs")
    assert wrong == []


def test_editors_and_ruff_agree_on_python() -> None:
    told = settings(ROOT / "toolchain" / "cxredge" / "recipe.py")
    assert (told["indent_style"], told["indent_size"]) == ("space", "4")
    assert int(told["max_line_length"]) == PROJECT["tool"]["ruff"]["line-length"]
    assert (
        settings(ROOT / "tests" / "bundle" / "fixtures" / "v2" / "manifest.schema.json")["insert_final_newline"]
        == "unset"
    )

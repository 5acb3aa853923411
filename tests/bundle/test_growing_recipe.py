"""A key more in the recipe changes no byte of what phones read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.command import ROOT

CONTRACTS = ("manifest", "selftest", "field-log")
PROGRAM = """\
import sys
from pathlib import Path
from click.testing import CliRunner
from cxredge.bundle.assemble import assemble
from cxredge.cli.schema import schema
from support.bundles import make_parts

place, recipe = Path(sys.argv[1]), Path(sys.argv[2])
assert str(Path(sys.modules["cxredge"].__file__)).startswith(sys.argv[3])
place.mkdir()
(place / "parts").mkdir()
assemble(make_parts(place / "parts", recipe), "android", place / "bundle")
assert CliRunner().invoke(schema, [str(place / "schemas")]).exit_code == 0
"""
OLD_KEY = "    licence: Text\n"
NEW_KEY = OLD_KEY + "    audience: str | None = None\n"


def made(place: Path, recipe: Path, toolchain: Path) -> Path:
    """A bundle and the schemas, by the toolchain in that folder."""
    environment = {**os.environ, "PYTHONPATH": f"{toolchain}:{ROOT / 'tests'}"}
    subprocess.run([sys.executable, "-c", PROGRAM, place, recipe, toolchain], env=environment, check=True, cwd=ROOT)
    return place


def manifest(place: Path) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((place / "bundle" / "manifest.json").read_text())
    return tree


def test_a_key_more_in_the_recipe_changes_no_byte_of_the_phones_contract(tmp_path: Path) -> None:
    grown = tmp_path / "toolchain"
    shutil.copytree(ROOT / "toolchain" / "cxredge", grown / "cxredge", ignore=shutil.ignore_patterns("__pycache__"))
    source = (grown / "cxredge" / "recipe.py").read_text()
    assert source.count(OLD_KEY) == 1
    (grown / "cxredge" / "recipe.py").write_text(source.replace(OLD_KEY, NEW_KEY))
    zoo = ROOT / "model_zoo" / "phantom"
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "model.yaml").write_text((zoo / "model.yaml").read_text() + "\naudience: field testers\n")

    before = made(tmp_path / "before", zoo, ROOT / "toolchain")
    after = made(tmp_path / "after", tmp_path / "recipe", grown)

    assert json.loads((after / "bundle" / "record" / "recipe.json").read_text())["audience"] == "field testers"
    recipes = [(place / "schemas" / "recipe.schema.json").read_bytes() for place in (before, after)]
    assert recipes[0] != recipes[1]
    for name in CONTRACTS:
        file = f"{name}.schema.json"
        assert (before / "schemas" / file).read_bytes() == (after / "schemas" / file).read_bytes()
    one, other = manifest(before), manifest(after)
    changed = {f["path"] for f in (*one["files"], *other["files"]) if (f in one["files"]) != (f in other["files"])}
    assert changed == {"record/recipe.json"}
    for tree in (one, other):
        assert tree.pop("id").startswith("phantom-1.0.0-")
        del tree["files"]
    assert one == other

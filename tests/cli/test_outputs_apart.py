"""No command's output replaces an input of its, or what nobody made with such a command: the table of all commands."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from cxredge.cli.main import cli
from cxredge.errors import CxrError
from cxredge.files import sha256_bytes
from support.command import ROOT
from support.commands import every_command
from support.tiny_recipe import TINY

FIXTURES = ROOT / "tests" / "bundle" / "fixtures" / "v2"
READ, WRITTEN, BOTH, NEW = "is read", "is written", "is read, and written by design", "is written, and nothing is read"
PATHS: dict[str, dict[str, str]] = {
    "build": {"recipe": READ, "out": WRITTEN, "android_assets": WRITTEN, "ios_assets": WRITTEN},
    "verify": {
        "bundle": READ,
        "reference": READ,
        "outputs": READ,
        "report": WRITTEN,
        "junit": WRITTEN,
        "out": WRITTEN,
    },
    "merge": {"shards": READ, "out": WRITTEN},
    "gate": {"results": READ, "recipe": READ, "junit": WRITTEN},
    "explain": {"bundle": READ, "reference": READ},
    "predict": {"bundle": READ, "films": READ, "heatmap": WRITTEN},
    "plan": {"recipe": READ},
    "inspect": {"model": READ},
    "bench": {"bundle": READ},
    "compare": {"bundle": READ},
    "keygen": {"out": NEW},
    "sign": {"bundle": BOTH, "key": READ},
    "verify-signature": {"bundle": READ, "publics": READ},
    "rebuild-check": {"recipe": READ, "bundles": READ},
    "field": {"logs": READ},
    "baselines": {"recipe": BOTH},
    "zoo": {"folder": BOTH, "built": READ},
    "doctor": {},
    "init": {},
    "import": {"checkpoint": READ},
    "data check": {"folder": READ},
    "distill": {"recipe": BOTH},
    "quality": {"recipe": BOTH},
    "thresholds": {"recipe": BOTH},
    "phantom": {"out": NEW},
    "schema": {"out": NEW},
    "vectors": {"out": NEW},
}
"""What every command does with each path that it is given."""
NEVER_TOGETHER = {("verify", "out", "outputs")}
"""Refused as misuse, whatever the paths are."""

DISTILL = """
distill:
  teacher:
    backbone: timm/mobilenetv2_035
    weights: {file: TEACHER, sha256: "DIGEST"}
    labels: [Cardiomegaly, Effusion, Consolidation, Nodule, Pneumothorax]
  epochs: 1
  batch: 8
  learning_rate: 0.002
  seed: 5
"""


FLOUR = json.dumps(
    {
        "$defs": {},
        "additionalProperties": False,
        "description": "Of a cake.",
        "properties": {"flour": {}, "name": {}},
        "required": ["flour"],
        "title": "Recipe",
        "type": "object",
    }
)
"""A schema that has the keys and the title of ours."""


class Place:
    """Inputs of all commands in one folder. ``recipe`` lies where a build would put its bundle."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bundle, self.other = root / "bundle", root / "classes"
        shutil.copytree(FIXTURES / "bundle", self.bundle)
        shutil.copytree(FIXTURES / "classes", self.other)
        self.film = root / "films" / "film.png"
        self.film.parent.mkdir()
        shutil.copy(self.bundle / "selftest" / "phantom-0.png", self.film)
        shutil.copy(self.film, self.film.with_name("second.png"))
        self.results = root / "results.json"
        self.results.write_text("{}")
        self.recipe = root / "dist" / "tiny-0.0.1"
        self.recipe.mkdir(parents=True)
        (self.recipe / "weights.safetensors").write_bytes(b"weights")
        self.write_recipe()
        self.key = root / "my.key"
        self.said = root / "said"
        self.said.mkdir()
        (self.said / "shard.json").write_text("{}")

    def write_recipe(self, name: str = "model.yaml", old: str = "", new: str = "", more: str = "") -> Path:
        text = TINY.format(digest=sha256_bytes(b"weights"))
        (self.recipe / name).write_text(text.replace(old, new) + more)
        return self.recipe / name


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    return Place(tmp_path)


def tree(folder: Path) -> dict[str, bytes | str]:
    return {
        p.relative_to(folder).as_posix(): os.readlink(p) if p.is_symlink() else p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_symlink() or p.is_file()
    }


def code_of(*arguments: object) -> str:
    """The code that a command is refused by."""
    with pytest.raises(CxrError) as caught:
        cli.main([str(a) for a in arguments], standalone_mode=False)
    assert caught.value.exit_code == 2
    return caught.value.code


Case = Callable[[Place], tuple[list[object], Path]]
"""A command line without the last word, and the input that this word names as an output."""


def predict(at: Place, over: Path, *films: Path) -> tuple[list[object], Path]:
    return ["predict", at.bundle, *(films or (at.film,)), "--heatmap"], over


def gate(at: Place, over: Path) -> tuple[list[object], Path]:
    return ["gate", at.results, "--recipe", at.recipe, "--junit"], over


def verify(at: Place, over: Path) -> tuple[list[object], Path]:
    return ["verify", at.bundle, "--reference", at.other, "--report"], over


def shard(at: Place, over: Path, *more: object) -> tuple[list[object], Path]:
    return ["verify", at.bundle, "--shard", "1/2", *more, "--out"], over


def judged(at: Place, option: str, over: Path) -> tuple[list[object], Path]:
    return ["verify", at.bundle, "--data", at.film.parent, "--outputs", at.said, option], over


def assets(at: Place, kind: str, over: Path) -> tuple[list[object], Path]:
    if kind == "ios":
        at.write_recipe(old="{android: [executorch/fp32]}", new="{ios: [executorch/fp32]}")
    return ["build", at.recipe, "--out", at.root / "elsewhere", f"--{kind}-assets"], over


CASES: dict[tuple[str, str, str], list[Case]] = {
    ("predict", "heatmap", "films"): [
        lambda at: predict(at, at.film),
        lambda at: predict(at, at.film, at.film.parent / "film.png"),
        lambda at: predict(at, at.film.parent, at.film, at.film.with_name("second.png")),
        lambda at: predict(at, at.film.parent, at.film.parent),
        lambda at: predict(at, at.film.parent / "maps", at.film.parent),
        lambda at: predict(at, at.root, at.film.parent),
    ],
    ("predict", "heatmap", "bundle"): [
        lambda at: predict(at, at.bundle / "selftest" / "phantom-0.png"),
        lambda at: predict(at, at.bundle / "new.png"),
        lambda at: predict(at, at.bundle, at.film, at.film.with_name("second.png")),
    ],
    ("gate", "junit", "results"): [lambda at: gate(at, at.results)],
    ("gate", "junit", "recipe"): [
        lambda at: gate(at, at.recipe / "model.yaml"),
        lambda at: gate(at, at.recipe / "weights.safetensors"),
    ],
    ("verify", "report", "bundle"): [
        lambda at: verify(at, at.bundle / "manifest.json"),
        lambda at: verify(at, at.bundle / "report.html"),
    ],
    ("verify", "report", "reference"): [lambda at: verify(at, at.other / "manifest.json")],
    ("verify", "junit", "bundle"): [
        lambda at: (["verify", at.bundle, "--junit"], at.bundle / "manifest.json"),
        lambda at: (["verify", at.bundle, "--data", at.film.parent, "--junit"], at.bundle / "v.xml"),
    ],
    ("verify", "junit", "reference"): [
        lambda at: (["verify", at.bundle, "--reference", at.other, "--junit"], at.other / "manifest.json")
    ],
    ("verify", "report", "outputs"): [lambda at: judged(at, "--report", at.said / "report.html")],
    ("verify", "junit", "outputs"): [
        lambda at: judged(at, "--junit", at.said / "shard.json"),
        lambda at: (["verify", at.bundle, "--outputs", at.said, "--junit"], at.said / "v.xml"),
    ],
    ("verify", "out", "bundle"): [
        lambda at: shard(at, at.bundle),
        lambda at: shard(at, at.root),
        lambda at: shard(at, at.film.parent / "new", "--data", at.film.parent),
    ],
    ("verify", "out", "reference"): [lambda at: shard(at, at.other / "new", "--reference", at.other)],
    ("merge", "out", "shards"): [
        lambda at: (["merge", at.said, "--out"], at.said),
        lambda at: (["merge", at.said, "--out"], at.root),
    ],
    ("build", "out", "recipe"): [lambda at: (["build", at.recipe, "--out"], at.recipe.parent)],
    ("build", "android_assets", "recipe"): [
        lambda at: assets(at, "android", at.recipe),
        lambda at: assets(at, "android", at.recipe.parent),
    ],
    ("build", "ios_assets", "recipe"): [lambda at: assets(at, "ios", at.recipe)],
}


def test_the_table_has_every_command_and_every_path_that_it_takes() -> None:
    found = {}
    for name, command in every_command().items():
        found[name] = {str(p.name) for p in command.params if isinstance(p.type, click.Path)}
    assert {name: set(paths) for name, paths in PATHS.items()} == found
    pairs = {
        (command, out, given)
        for command, paths in PATHS.items()
        for out in paths
        for given in paths
        if (paths[out], paths[given]) == (WRITTEN, READ)
    } - NEVER_TOGETHER
    assert pairs == set(CASES), "each output over each input is tried"


@pytest.mark.parametrize("spelling", ["as it is", "a link", "a hard link", "by ..", "relative"])
@pytest.mark.parametrize(
    ("pair", "number"), [(pair, i) for pair, cases in CASES.items() for i in range(len(cases))], ids=str
)
def test_no_output_goes_over_an_input(
    at: Place, pair: tuple[str, str, str], number: int, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, over = CASES[pair][number](at)
    if spelling == "a link":
        link = at.root / f"link{over.suffix}"
        link.symlink_to(over)
        over = link
    elif spelling == "a hard link":
        if not over.is_file() or pair[2] in ("bundle", "reference", "outputs"):
            pytest.skip("folders have none, and a file in one keeps its own name there")
        link = at.root / f"hard{over.suffix}"
        os.link(over, link)
        over = link
    elif spelling == "by ..":
        over = over.parent / ".." / over.parent.name / over.name
    elif spelling == "relative":
        monkeypatch.chdir(at.root / "films")
        over = Path(os.path.relpath(over))
    before = tree(at.root)
    assert code_of(*line, over) == "OUTPUT-IS-INPUT"
    assert tree(at.root) == before


def test_a_signature_does_not_go_over_the_key(at: Place) -> None:
    """By design it goes into the bundle; a key that lies there under its name would be lost."""
    from cxredge.bundle.keys import make_pair

    private, _ = make_pair(at.root / "my", True)
    shutil.move(private, at.bundle / "model.sig")
    before = tree(at.root)
    assert code_of("sign", at.bundle, "--key", at.bundle / "model.sig") == "OUTPUT-IS-INPUT"
    assert tree(at.root) == before


@pytest.mark.parametrize(
    ("weights", "teacher"), [("weights.safetensors", "weights.safetensors"), ("model.yaml", "t"), ("w", "results.json")]
)
def test_what_is_trained_does_not_go_over_what_it_is_trained_from(at: Place, weights: str, teacher: str) -> None:
    """A teacher's weights, and the recipe, which is changed in place and nothing else."""
    (at.recipe / "results.json").write_bytes(b"weights")
    more = DISTILL.replace("TEACHER", teacher).replace("DIGEST", sha256_bytes(b"weights"))
    at.write_recipe(old="weights: {file: weights.safetensors", new=f"weights: {{file: {weights}", more=more)
    before = tree(at.root)
    assert code_of("distill", at.recipe) == "OUTPUT-IS-INPUT"
    assert tree(at.root) == before


@pytest.mark.parametrize("name", ["model.auto.yaml", "tiny-0.0.1-precision.json"])
def test_a_search_does_not_go_over_the_recipe_that_it_searches(at: Place, name: str) -> None:
    recipe = at.write_recipe(name)
    before = tree(at.root)
    assert code_of("build", recipe, "--precision", "auto", "--out", at.recipe) == "OUTPUT-IS-INPUT"
    assert tree(at.root) == before


def test_a_report_or_a_bundle_does_not_go_into_the_data(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    data = at.root / "data" / "mine"
    (data / "images").mkdir(parents=True)
    (data / "labels.csv").write_text("file,group,split\n")
    monkeypatch.setenv("CXR_DATA", str(data.parent))
    recipe = at.recipe / "model.yaml"
    text = recipe.read_text()
    start = text.index("data: {")
    recipe.write_text(text[:start] + "data: {source: folder, name: mine}" + text[text.index("\n", start) :])
    before = tree(at.root)
    for out in (data, data / "images"):
        assert code_of("build", at.recipe, "--out", out) == "OUTPUT-IS-INPUT"
    line = ["build", at.recipe, "--out", at.root / "elsewhere", "--android-assets"]
    for out in (data.parent, data, data / "images"):
        assert code_of(*line, out) == "OUTPUT-IS-INPUT"
    monkeypatch.setenv("CXR_CACHE", str(data))
    assert code_of("build", at.recipe, "--out", at.root / "elsewhere") == "OUTPUT-IS-INPUT"
    assert tree(at.root) == before


def test_no_verdict_goes_among_the_films_that_it_is_on(at: Place) -> None:
    before = tree(at.root)
    for option in ("--junit", "--report"):
        assert code_of("verify", at.bundle, "--data", at.film.parent, option, at.film) == "OUTPUT-IS-INPUT"
    assert tree(at.root) == before


def test_two_bundles_do_not_go_over_each_other(at: Place) -> None:
    out = at.root / "new"
    for place in (out, out / "tiny-0.0.1", out / "tiny-0.0.1-android", out / "tiny-0.0.1" / "assets"):
        assert code_of("build", at.recipe, "--out", out, "--android-assets", place) == "OUTPUT-TWICE"
    line = ["build", at.recipe, "--out", out, "--android-assets"]
    assert code_of(*line, at.root / "cache") == "OUTPUT-TWICE", "what is kept is not to be replaced either"


def mine(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    return folder


@pytest.mark.parametrize(
    ("line", "names", "code"),
    [
        (("build", "recipe", "--out", "new", "--android-assets"), ("holiday.png",), "OUTPUT-FOREIGN"),
        (("build", "recipe", "--out", "new", "--android-assets"), ("manifest.json", "x"), "OUTPUT-FOREIGN"),
        (("build", "recipe", "--out", "new", "--android-assets"), (".git/config",), "OUTPUT-FOREIGN"),
        (("verify", "bundle", "--shard", "1/2", "--out"), ("holiday.png",), "OUTPUT-FOREIGN"),
        (("verify", "bundle", "--shard", "1/2", "--out"), ("shard.json", "x"), "OUTPUT-FOREIGN"),
        (("merge", "said", "--out"), ("holiday.png",), "OUTPUT-FOREIGN"),
        (("phantom",), ("holiday.png",), "DATA-EXISTS"),
        (("vectors",), ("preprocess/holiday.png",), "OUTPUT-FOREIGN"),
        (("vectors",), ("vectors.json",), "OUTPUT-FOREIGN"),
        (("vectors",), ("decisions.json",), "OUTPUT-FOREIGN"),
        (("schema",), ("recipe.schema.json",), "OUTPUT-FOREIGN"),
        (("schema",), ("field-log.schema.json/x",), "OUTPUT-FOREIGN"),
    ],
)
def test_what_no_such_command_made_is_not_replaced(
    at: Place, line: tuple[str, ...], names: tuple[str, ...], code: str
) -> None:
    folder = mine(at.root / "mine", *names)
    places = {"recipe": at.recipe, "bundle": at.bundle, "said": at.said}
    words = [places.get(word, word) for word in line]
    before = tree(at.root)
    assert code_of(*words, folder) == code
    assert tree(at.root) == before
    (at.root / "link").symlink_to(folder)
    assert code_of(*words, at.root / "link") == code
    assert code_of(*words, folder / ".." / "mine") == code


@pytest.mark.parametrize(
    ("command", "name", "text"),
    [
        ("schema", "recipe.schema.json", '{"title": "Recipe"}'),
        ("schema", "recipe.schema.json", '{"title": "Recipe", "properties": {"flour": {}, "name": {}}}'),
        ("schema", "recipe.schema.json", FLOUR),
        ("schema", "recipe.schema.json", FLOUR.replace('{"flour": {}, "name": {}}', "[]")),
        ("vectors", "vectors.json", '{"vectors": [[1, 2]]}'),
        ("vectors", "vectors.json", '{"vectors": 1, "grey_bound": 3, "films": [], "resizes": [], "refusals": [[1]]}'),
        ("vectors", "vectors.json", '{"vectors": 1, "grey_bound": 3, "films": [], "resizes": [], "refusals": 7}'),
        ("vectors", "decisions.json", '{"cases": [{"name": "Smith v. Jones", "decision": "dismissed"}]}'),
        ("vectors", "decisions.json", '{"cases": [], "court": "appeal"}'),
        ("vectors", "preprocess/0123456789abcdef.txt", "mine"),
        ("vectors", "preprocess/0123456789abcdef.d/film.png", "mine"),
    ],
)
def test_what_only_looks_like_an_earlier_result_is_not_replaced(at: Place, command: str, name: str, text: str) -> None:
    """Other people's files have such names, keys and titles too."""
    file = at.root / "mine" / name
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert code_of(command, at.root / "mine") == "OUTPUT-FOREIGN"
    assert tree(at.root / "mine") == {name: text.encode()}


@pytest.mark.parametrize("name", ["model.auto.yaml", "tiny-0.0.1-precision.json"])
@pytest.mark.parametrize("what", ["the recipe", "words", "a pipe", "too many bytes"])
def test_a_search_replaces_nothing_that_no_search_wrote(at: Place, name: str, what: str) -> None:
    """It is said before the search begins."""
    goal = at.recipe / name
    if what == "a pipe":
        os.mkfifo(goal)
    elif what == "too many bytes":
        with goal.open("wb") as stream:
            stream.truncate(1 << 40)
    else:
        goal.write_text((at.recipe / "model.yaml").read_text() if what == "the recipe" else '{"recipe": "flour"}')
    assert code_of("build", at.recipe, "--precision", "auto", "--out", at.recipe) == "OUTPUT-FOREIGN"
    assert os.path.lexists(goal)
    assert not (at.root / "cache").exists()


def test_a_search_replaces_what_an_earlier_one_wrote(at: Place) -> None:
    from cxredge.evidence import PrecisionSearch
    from cxredge.workflows.precision import HEADER, write_chosen

    out = at.root / "new"
    for name in ("tflite/fp32", "executorch/fp32"):
        found = PrecisionSearch(recipe="tiny 0.0.1", attempts=(), chosen={name.partition("/")[0]: name}, keep_float={})
        chosen = write_chosen(at.recipe, found, out)
        assert chosen.read_text().count(HEADER) == 1
        assert f"primary: {name}" in chosen.read_text()
    # as the recipe of a further search, under another name
    other = at.write_recipe("mine.yaml")
    other.write_text(chosen.read_text())
    assert write_chosen(other, found, out).read_text().count(HEADER) == 1
    chosen.write_text(chosen.read_text().removeprefix(HEADER))
    before = tree(at.root)
    with pytest.raises(CxrError, match="OUTPUT-FOREIGN"):
        write_chosen(at.recipe, found, out)
    assert tree(at.root) == before


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", ["a pipe", "a link to a pipe", "a device", "too many bytes", "a folder"])
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("schema", "recipe.schema.json"),
        ("schema", "field-log.schema.json"),
        ("vectors", "vectors.json"),
        ("vectors", "decisions.json"),
        ("vectors", "preprocess"),
        ("vectors", "preprocess/0123456789abcdef.u8"),
    ],
)
def test_what_lies_at_an_output_is_read_within_bounds(at: Place, command: str, name: str, what: str) -> None:
    """A pipe has no end, and nobody may ever write into it."""
    goal = at.root / "mine" / name
    goal.parent.mkdir(parents=True)
    if what == "a device":
        goal.symlink_to("/dev/zero")
    elif what == "a folder":
        mine(goal, "film.png")
    elif what == "too many bytes":
        with goal.open("wb") as stream:
            stream.truncate(1 << 40)
    else:
        pipe = goal if what == "a pipe" else goal.with_name("pipe")
        os.mkfifo(pipe)
        if pipe != goal:
            goal.symlink_to(pipe.name)
    assert code_of(command, at.root / "mine") == "OUTPUT-FOREIGN"
    assert os.path.lexists(goal)


def test_phantoms_do_not_go_into_the_folder_where_one_stands(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(at.film.parent)
    before = tree(at.root)
    for out in (".", "..", "../films"):
        assert code_of("phantom", out) == "DATA-EXISTS"
    assert tree(at.root) == before


@pytest.mark.parametrize("version", [1, 2])
def test_a_bundle_of_any_version_is_known_by_its_manifest(at: Place, version: int) -> None:
    """Damaged ones too, or they could not be built again; what somebody put beside its files is not destroyed."""
    from cxredge.bundle.bundle import foreign

    manifest = json.loads((at.bundle / "manifest.json").read_text())
    (at.bundle / "manifest.json").write_text(json.dumps({**manifest, "manifest": version}))
    assert foreign(at.bundle) is None
    (at.bundle / "MODEL_CARD.md").write_text("changed")
    next((at.bundle / "artifacts").rglob("*.tflite")).unlink()
    assert foreign(at.bundle) is None
    (at.bundle / "selftest" / "notes.txt").touch()
    assert foreign(at.bundle) == "selftest/notes.txt"
    (at.bundle / "selftest" / "notes.txt").unlink()
    for text in ("", "[]", '{"manifest": 2, "files": 7}', '{"manifest": "2", "files": []}', "[" * 100_000):
        (at.bundle / "manifest.json").write_text(text)
        assert foreign(at.bundle) is not None
    assert foreign(at.film) == "film.png"


def test_an_earlier_result_is_replaced(at: Place) -> None:
    """By the commands that make it: schemas and vectors over their own."""
    for _ in range(2):
        cli.main(["schema", str(at.root / "new")], standalone_mode=False)
    assert len(list((at.root / "new").iterdir())) == 14
    shutil.copytree(ROOT / "docs" / "schemas", at.root / "docs")
    earlier = at.root / "docs" / "recipe.schema.json"
    schema = json.loads(earlier.read_text())
    schema["properties"].pop("version")
    earlier.write_text(json.dumps(schema))
    cli.main(["schema", str(at.root / "docs")], standalone_mode=False)
    assert tree(at.root / "docs") == tree(at.root / "new")
    for _ in range(2):
        cli.main(["vectors", str(at.root / "vectors")], standalone_mode=False)
    cli.main(["phantom", str(mine(at.root / "empty")), "--patients", "3"], standalone_mode=False)
    assert (at.root / "empty" / "labels.csv").is_file()

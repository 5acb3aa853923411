"""Verifying in shards, as commands: the bytes and the results of one run, on a bundle's own films and on others."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from cxredge.cli.main import cli
from cxredge.errors import CxrError
from support.command import run
from support.pages import blocks, page
from support.tiny_recipe import TINY, write_weights

QUALITY = "quality: {thresholds: {inverted: 0.0, upside-down: 0.0, turned: 0.0, mirrored: 0.0}, rule: none}\n"


BUNDLE = "dist/phantom-1.0.0"


def build(folder: Path, cache: Path, quality: bool = False) -> None:
    """The page's bundle, of a tiny student."""
    (folder / "tiny").mkdir()
    text = TINY.format(digest=write_weights(folder / "tiny" / "weights.safetensors", quality=quality))
    if quality:
        text = text.replace("novelty: {", f"{QUALITY}novelty: {{").replace("val: 60", "val: 12")
    (folder / "tiny" / "model.yaml").write_text(text)
    built = run("build", "tiny", "--targets", "onnx", "--schemes", "fp32", cwd=folder, CXR_CACHE=cache)
    assert built.status == 0, built.err
    (folder / "dist" / "tiny-0.0.1").rename(folder / BUNDLE)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_cache: Path) -> Path:
    """A folder with a bundle of one float artifact, and films of another place, one of them none."""
    folder = tmp_path_factory.mktemp("shards")
    build(folder, tiny_cache)
    assert run("phantom", folder / "our_hospital", "--patients", 7, "--seed", 8).status == 0
    (folder / "our_hospital" / "SHA256SUMS").unlink()
    next((folder / "our_hospital").rglob("*.png")).write_bytes(b"no film")
    return folder


OTHER = ("--data", "our_hospital")


def good(place: Path, *words: object, cache: Path | None = None) -> str:
    done = run(*words, cwd=place, CXR_DATA=place / "nowhere", CXR_CACHE=cache or place / "cache")
    assert done.status == 0, done.err
    return done.out


@pytest.fixture
def refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command is refused with, in this process."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("CXR_DATA", str(place / "nowhere"))
    monkeypatch.setenv("CXR_CACHE", str(place / "cache"))

    def words_of(*words: object) -> str:
        with pytest.raises((CxrError, click.UsageError)) as caught:
            cli.main([str(word) for word in words], standalone_mode=False)
        error = caught.value
        assert error.exit_code == 2
        return error.text() if isinstance(error, CxrError) else error.format_message()

    return words_of


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def said(place: Path) -> list[str]:
    """What the page's commands say, one after the other, and what one run over the same films writes into ``one``."""
    (day,) = blocks(page("shards.md"), "sh")
    found = []
    for line in day.splitlines():
        words = shlex.split(line.split("#")[0].partition(" > ")[0])
        assert words[0] == "cxredge"
        found.append(good(place, *words[1:]))
    good(place, "verify", BUNDLE, *OTHER, "--shard", "1/1", "--out", "one")
    return found


def test_the_page_s_commands_give_the_bytes_and_results_of_one_run(place: Path, said: list[str]) -> None:
    assert tree(place / "whole") == tree(place / "one")
    record = json.loads((place / "whole" / "shard.json").read_text())
    (part,) = record["parts"]
    assert [one["code"] for one in part["unread"]] == ["IMG-FORMAT"]
    assert "1 film could not be read" in "".join(said[:3])
    pages = {}
    for name, more in (("ran", ()), ("given", ("--outputs", "whole"))):
        goals = "--report", f"{name}/r.html", "--junit", f"{name}/v.xml"
        direct = good(place, "verify", BUNDLE, *OTHER, *more, *goals, "--json")
        assert direct == said[-1]
        pages[name] = tree(place / name)
    assert pages["ran"] == pages["given"], "its pictures are read again"
    assert len(pages["ran"]) > 5
    assert json.loads(direct)["other_films"]["films"] == len(part["places"]) == part["pictures"] - 1


@pytest.mark.slow
def test_a_bundles_own_films_and_all_that_goes_with_them(tmp_path: Path, tiny_cache: Path) -> None:
    """Of four stacks."""
    place = tmp_path
    build(place, tiny_cache, quality=True)
    for number in (1, 2):
        told = good(
            place, "verify", BUNDLE, "--shard", f"{number}/2", "--out", f"own/{number}", "--json", cache=tiny_cache
        )
        films = json.loads(told)["films"]
        assert set(films) == {"evaluation", "validation", "out-of-distribution", "accidents"}
        assert all(films.values())
    good(place, "merge", "own/2", "own/1", "--out", "own/whole")
    good(place, "verify", BUNDLE, "--shard", "1/1", "--out", "own/one", cache=tiny_cache)
    assert tree(place / "own" / "whole") == tree(place / "own" / "one")
    assert len(tree(place / "own" / "one")) == 1 + 4 * 2
    given = good(place, "verify", BUNDLE, "--outputs", "own/whole", "--json", cache=tiny_cache)
    assert given == good(place, "verify", BUNDLE, "--json", cache=tiny_cache)
    assert json.loads(given)["verdicts"][0]["figures"]["quality"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--shard", "1/2"), "--out"),
        (("--out", "x"), "--shard"),
        (("--shard", "1/2", "--out", "x", "--junit", "v.xml"), "judges nothing"),
        (("--shard", "1/2", "--out", "x", "--report", "r.html"), "judges nothing"),
        (("--shard", "1/2", "--out", "x", "--outputs", "whole"), "judges nothing"),
        (("--outputs", "whole", "--reference", BUNDLE), "leave --reference out"),
        (("--outputs", "whole", "--report", "r.html"), "name --data"),
        (("--shard", "half", "--out", "x"), "SHARD-NUMBER"),
        (("--shard", "3/2", "--out", "x"), "SHARD-NUMBER"),
        ((*OTHER, "--shard", "1/8", "--out", "x"), "SHARD-EMPTY"),
        (("--shard", "1/9999", "--out", "x"), "SHARD-EMPTY"),
        ((*OTHER, "--shard", "1/2", "--out", "our_hospital/x"), "OUTPUT-IS-INPUT"),
        (("--shard", "1/2", "--out", "x", "--require", "tflite/fp32"), "VERIFY-REQUIRE"),
        (("--outputs", "nowhere"), "SHARD-RECORD"),
        (("--outputs", "whole"), "say which: --data"),
        ((*OTHER, "--outputs", "whole", "--require", "tflite/fp32"), "VERIFY-REQUIRE"),
    ],
)
def test_what_cannot_be_done_is_refused(
    words: tuple[str, ...], why: str, place: Path, said: list[str], refused: Callable[..., str]
) -> None:
    assert why in " ".join(refused("verify", BUNDLE, *words).split())
    assert not (place / "x").exists()


def test_outputs_of_other_films_patients_or_bytes_are_not_judged(
    place: Path, said: list[str], tmp_path: Path, refused: Callable[..., str]
) -> None:
    def judge() -> str:
        return refused("verify", BUNDLE, "--data", tmp_path / "films", "--outputs", "whole")

    films = shutil.copytree(place / "our_hospital", tmp_path / "films")
    table = (films / "labels.csv").read_text()
    lines = table.splitlines(keepends=True)
    (films / "labels.csv").write_text("".join(lines[:-1]))
    assert "[VERIFY-OUTPUTS]" in judge()
    (films / "labels.csv").write_text("".join([lines[0], *reversed(lines[1:])]))
    assert "[VERIFY-OUTPUTS]" in judge()
    (films / "labels.csv").write_text(table.replace("group,", "other,", 1))
    assert "belong to other patients" in judge()
    (films / "labels.csv").write_text(table)
    read = json.loads((place / "whole" / "shard.json").read_text())["parts"][0]["places"][0]
    name = lines[read + 1].split(",")[0]
    (films / name).write_bytes((films / name).read_bytes() + b"x")
    assert "[VERIFY-FILMS]" in judge()
    (films / name).unlink()
    assert "[DATA-FILE]" in judge()


def test_labels_may_be_mended_after_the_run(place: Path, said: list[str], tmp_path: Path) -> None:
    films = shutil.copytree(place / "our_hospital", tmp_path / "films")
    (films / "labels.csv").write_text((films / "labels.csv").read_text().replace("Nodule", "Knot"))
    line = ("verify", BUNDLE, "--data", films, "--outputs", "whole", "--map", "Knot=Nodule", "--json")
    mended, before = (
        json.loads(good(place, *words)) for words in (line, ("verify", BUNDLE, *OTHER, "--outputs", "whole", "--json"))
    )
    assert mended["verdicts"] == before["verdicts"]
    assert mended["other_films"]["table_sha256"] != before["other_films"]["table_sha256"]


def test_outputs_of_another_bundle_or_of_one_shard_are_not_judged(
    place: Path, said: list[str], refused: Callable[..., str]
) -> None:
    line = ("verify", BUNDLE, *OTHER, "--outputs")
    assert "is shard 2/3 alone" in refused(*line, "shards/2")
    assert "of 3 shards 2 are missing: 1/3, 3/3" in refused("merge", "shards/2", "--out", "x")
    assert "shard 2/3 is there twice" in refused("merge", "shards/2", "shards/2", "--out", "x")
    assert "[SHARD-OTHER]" in refused("merge", "shards/2", "whole", "--out", "x")
    spoilt = shutil.copytree(place / "whole", place / "spoilt")
    record = json.loads((spoilt / "shard.json").read_text())
    for change, words in (
        ({"manifest_sha256": "0" * 64}, "is of the bundle"),
        ({"runs": [{**record["runs"][0], "sha256": "0" * 64}, record["runs"][1]]}, "SHARD-FILE"),
        ({"parts": [{**record["parts"][0], "unread": []}]}, "SHARD-MISSING"),
    ):
        (spoilt / "shard.json").write_text(json.dumps({**record, **change}))
        assert words in refused(*line, "spoilt")
    shutil.rmtree(spoilt)

"""YAML says no more than JSON can, and is refused with its place before a tree is made of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cxredge.errors import InputError
from cxredge.recipe_file import load_recipe
from cxredge.strict_yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES, YamlError, parse

CASES = Path(__file__).parent / "cases"
REFUSED: dict[str, tuple[str, tuple[int, int] | None]] = {
    "a: &x 1\nb: *x": ("anchors", (1, 4)),
    "a: 1\nb: *nowhere": ("anchors", (2, 4)),
    "a: &x [*x]": ("anchors", (1, 4)),
    "a: 1\n&x b: 2": ("anchors", (2, 1)),
    "a: 1\n<<: {b: 2}": ("merge keys", (2, 1)),
    "a: {<<: [{b: 2}]}": ("merge keys", (1, 5)),
    "a: !!python/object:os.system x": ("tags", (1, 4)),
    "a: !!binary aGVsbG8=": ("tags", (1, 4)),
    "a: !!timestamp 2020-01-01": ("tags", (1, 4)),
    "a: !!set {b}": ("tags", (1, 4)),
    "a: !!omap [b: 1]": ("tags", (1, 4)),
    "a: !!str 1": ("tags", (1, 4)),
    "a: ! x": ("tags", (1, 4)),
    "!x {a: 1}": ("tags", (1, 1)),
    "%YAML 1.1\n---\na: 1": ("directives", (2, 1)),
    "%TAG ! !x\n---\na: 1": ("directives", (2, 1)),
    "a: 1\n---\nb: 2": ("second document", (2, 1)),
    "a: 1\n...\n---\nb: 2": ("second document", (3, 1)),
    "a: 1\nb: 2\na: 3": ("duplicate key", (3, 1)),
    "a: 2020-01-01": ("would be a timestamp", (1, 4)),
    "a: =": ("would be a value", (1, 4)),
    "? [a]\n: 1": ("where a key is due", (1, 3)),
    "? {a: 1}\n: 1": ("where a key is due", (1, 3)),
    "a:\n\tb: 1": ("\\t", (2, 1)),
    "a: 1\nb: \0": ("'\\x00'", (2, 4)),
    "a: 1\nb: \x1b[2J": ("'\\x1b'", (2, 4)),
    **{f'a: 1\nb: [x, "{escape}"]': ("a string has the character", (2, 8)) for escape in
       (r"x\ud800", r"\ud83d\ude00", r"\uDFFF", r"\U0000d800", r"\0", r"\e[2J", r"\r", r"\x7f", r"\N", r"\x9b")},
    r'"a\ud800": 1': ("a string has the character", (1, 1)),
    "a: [": ("expected the node content", (1, 5)),
    **{f"a: {word}": ("is no number as JSON writes it", (1, 4)) for word in
       ("1e400", "-1e400", ".nan", ".inf", "-.inf", "0o777", "0x1F", "1_000", "010", "+1", ".5", "5.", "9" * 5_000)},
    **{f"{word}: 1": ("stands where a key is due", (1, 1)) for word in ("null", "~", "1", "1.5", "true", "2020-01-01")},
    "a: " + "[" * (MAX_DEPTH + 1): (f"deeper than {MAX_DEPTH}", (1, 35)),
    "a: " + "[" * 90_000: (f"deeper than {MAX_DEPTH}", (1, 35)),
    "{a: " * (MAX_DEPTH + 1): (f"deeper than {MAX_DEPTH}", (1, 129)),
    "- " * 90_000: (f"deeper than {MAX_DEPTH}", (1, 65)),
    "a: [" + "1, " * MAX_NODES + "]": (f"more than {MAX_NODES} keys and values", (1, 5 + 3 * (MAX_NODES - 3))),
    "a: '" + "x" * MAX_BYTES + "'": (f"more than {MAX_BYTES} bytes", None),
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:20]))
def test_what_json_cannot_say_is_refused_with_its_place(text: str) -> None:
    words, place = REFUSED[text]
    with pytest.raises(YamlError) as caught:
        parse(text.encode())
    assert words in str(caught.value)
    assert caught.value.place == place
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("data", ["a: 1".encode("utf-16"), "a: 1\nb: é".encode("latin-1"), b"a: 1\nb: \xed\xa0\x80"])
def test_it_is_utf_8(data: bytes) -> None:
    with pytest.raises(YamlError, match="not UTF-8") as caught:
        parse(data)
    assert caught.value.place in ((1, 1), (2, 4))


def test_what_json_can_say_is_read() -> None:
    text = '\ufeffa: [1, -0.5, 1e3, 0, true, null, ~, ]\nb: {c: "1_000", d: \'0o777\'}\n"1": "*x"\ne: yes\nf: 190:20\n'
    assert parse(text.encode()) == {
        "a": [1, -0.5, 1e3, 0, True, None, None],
        "b": {"c": "1_000", "d": "0o777"},
        "1": "*x",
        "e": "yes",
        "f": "190:20",
    }
    assert parse(rb'a: "1\n\t\U0001f600"') == {"a": "1\n\t😀"}
    assert parse(b"a: |\r\n  1\r\n  2\r\n") == {"a": "1\n2\n"}
    parse(("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)).encode())


@pytest.mark.parametrize("case", ["laughs", "mergeself"])
def test_a_few_letters_make_no_large_tree(case: str) -> None:
    with pytest.raises(InputError, match=rf"RECIPE-SYNTAX.*{case}.yaml:\d+:\d+: .*anchors and aliases"):
        load_recipe(CASES / f"{case}.yaml")


LOAD = """
import sys
from pathlib import Path
from cxredge.errors import InputError
from cxredge.recipe_file import load_recipe
try:
    load_recipe(Path(sys.argv[1]))
except InputError as error:
    # a process begins with its parent's peak in ru_maxrss (Linux keeps it over exec), so its own is read from /proc
    print(error.code, int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]))
"""


def test_a_file_is_not_read_beyond_its_bound(tmp_path: Path) -> None:
    with (tmp_path / "model.yaml").open("wb") as stream:
        stream.truncate(8 << 30)
    done = subprocess.run([sys.executable, "-c", LOAD, tmp_path], capture_output=True, text=True, check=True)
    code, kilobytes = done.stdout.split()
    assert code == "RECIPE-SYNTAX"
    assert int(kilobytes) < 400_000

"""docs/bundle.md on what phones send back: its example, its tables and its command are what the code reads."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import BaseModel

from cxredge.device.field_log import FieldLog, SelfTestLog
from cxredge.device.log_files import MAX_BYTES, read_field_log
from cxredge.device.summary import outcomes
from cxredge.errors import InputError
from cxredge.outputs import OUTPUT_NAMES, films_digest, read_outputs
from cxredge.outputs_layout import MAX_COLUMNS, RANKS
from support.json_values import at, places
from support.outputs_files import joined
from support.pages import blocks, page

LOGS = page("bundle.md").partition("## Field logs\n")[2].partition("\n## ")[0]
OUTPUTS = page("bundle.md").partition("## Outputs files\n")[2].partition("\n## ")[0]
(EXAMPLE,) = blocks(LOGS, "json")


def rows(text: str, head: str) -> list[list[str]]:
    """Cells of the table that begins with ``head``."""
    table = text[text.index(head) :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_the_example_is_a_log_that_passes(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(EXAMPLE)
    log = read_field_log(tmp_path / "log.json")
    assert log.model_dump(mode="json") == json.loads(EXAMPLE)
    assert outcomes(log)[0] == "passed"


def test_the_table_names_every_key_of_a_log_and_no_other() -> None:
    tree = json.loads(EXAMPLE)
    keys = {re.sub(r"\.\d+", "[]", ".".join(map(str, place))) for place in places(tree) if isinstance(place[-1], str)}
    named = {cells[0].strip("`") for cells in rows(LOGS, "| key | type |")}
    parts = {"app", "system", "device"}  # always records: their keys say so
    assert keys - named == parts
    assert named <= keys


def test_null_stands_where_the_table_says_so(tmp_path: Path) -> None:
    """Also where a contradiction follows: that is another code than the schema's."""
    for name, kind, _ in rows(LOGS, "| key | type |"):
        tree = json.loads(EXAMPLE)
        *path, key = [int(p) if p.isdigit() else p for p in name.strip("`").replace("[]", ".0").split(".")]
        at(tree, path)[key] = None
        (tmp_path / "log.json").write_text(json.dumps(tree))
        code = None
        try:
            read_field_log(tmp_path / "log.json")
        except InputError as error:
            code = error.code
        refused = "FIELD-VERSION" if name == "`field_log`" else "FIELD-SCHEMA"
        assert (code != refused) == ("null" in kind), name


def test_the_table_of_stages_is_what_is_read() -> None:
    stages: tuple[type[BaseModel], ...] = get_args(SelfTestLog.model_fields["stages"].annotation)
    read = []
    for stage in stages:
        (name,) = get_args(stage.model_fields["stage"].annotation)
        allowed: dict[str, Any] = stage.model_json_schema()["properties"]["allowed"]
        assert allowed["minimum"] == allowed["maximum"]
        read.append((f"`{name}`", str(allowed["maximum"])))
    assert [(cells[0], cells[3]) for cells in rows(LOGS, "| stage |")] == read


def test_the_bounds_of_the_page_are_those_of_the_schema() -> None:
    schema = FieldLog.model_json_schema()
    definitions = schema["$defs"]
    kinds = {cells[0].strip("`"): cells[1] for cells in rows(LOGS, "| key | type |")}
    features = definitions["Device"]["properties"]["cpu_features"]
    assert kinds["device.cpu_features"] == f"list of 0 to {features['maxItems']} times `{features['items']['pattern']}`"
    assert kinds["crashes[].at"] == f"list of 0 to {definitions['Crash']['properties']['at']['maxItems']} words"
    for name in ("refusals", "crashes"):
        assert kinds[name] == f"list of 0 to {schema['properties'][name]['maxItems']}"
    assert kinds["refusals[].code"] == f"`{definitions['Refusal']['properties']['code']['pattern']}`"
    assert kinds["bundle.id"] == f"`{definitions['LoggedBundle']['properties']['id']['pattern']}`"
    assert kinds["artifact.name"] == f"`{definitions['LoggedArtifact']['properties']['name']['pattern']}`"
    for name, part, field in (
        ("refusals[].during", "Refusal", "during"),
        ("crashes[].kind", "Crash", "kind"),
        ("bundle.kind", "LoggedBundle", "kind"),
    ):
        found = definitions[part]["properties"][field]
        words = [word for one in found.get("anyOf", [found]) for word in one.get("enum", [one.get("const")])]
        assert re.findall(r"`(.+?)`", kinds[name]) == words
    assert f"({definitions['Device']['properties']['cores']['maximum']})" in LOGS
    assert f"at most {MAX_BYTES:,} bytes" in LOGS


def described(**changes: object) -> dict[str, Any]:
    """An outputs file's record as the page's table says."""
    record = {cells[0].strip("`"): "" for cells in rows(OUTPUTS, "| key |")}
    (form,) = re.findall(r"\| `format` \| `(.+?)` \|", OUTPUTS)
    record |= {"format": form, "artifact": "reference", "artifact_sha256": "a" * 64, "runtime": "litert 2.1.6"}
    return {**record, "films_sha256": "b" * 64, **changes}


def outputs(record: dict[str, Any], sizes: dict[str, list[int]]) -> bytes:
    """An outputs file, of ones."""
    header: dict[str, Any] = {"__metadata__": {"cxredge": json.dumps(record)}}
    data = b""
    for name, shape in sizes.items():
        array = np.ones(shape, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(array)]}
        data += array
    return joined(header, data)


def test_an_outputs_file_as_the_page_describes_it_is_read(tmp_path: Path) -> None:
    tensors = {cells[0].strip("`"): cells[1] for cells in rows(OUTPUTS, "| tensor |")}
    assert tuple(tensors) == OUTPUT_NAMES
    for letter in ("C", "K"):
        name = {"C": "logits", "K": "quality"}[letter]
        assert tensors[name] == f"[N, {letter}], {letter} from 1 to {MAX_COLUMNS[name]}"
    values = {"N": 2, "C": 64, "K": 4, "h": 3, "w": 5}
    sizes = {
        name: [values[letter] for letter in re.findall(r"\w", shape.partition("]")[0])]
        for name, shape in tensors.items()
    }
    assert {name: len(shape) for name, shape in sizes.items()} == RANKS
    path = tmp_path / "file"
    path.write_bytes(outputs(described(), sizes))
    back = read_outputs(path)
    assert {name: list(array.shape) for name, array in back.outputs.items()} == sizes
    assert back.artifact == "reference"
    for name in described():
        record = described()
        del record[name]
        path.write_bytes(outputs(record, sizes))
        with pytest.raises(InputError, match="OUTPUTS-FORMAT"):
            read_outputs(path)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="this system calls it otherwise")
def test_the_command_names_the_films_as_the_code_does(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    digests = []
    for name, data in (("a.dcm", b"one"), ("b.png", b"two")):
        (tmp_path / "films" / name).write_bytes(data)
        digests.append(hashlib.sha256(data).hexdigest())
    (command,) = blocks(OUTPUTS, "sh")
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == films_digest(digests)

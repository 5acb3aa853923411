"""``cxredge inspect`` on real artifacts, and on a file whose names would command a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import ROOT, Run


def test_inspect_tells_what_the_record_tells(built: Path, cxredge: Run) -> None:
    import jsonschema

    schema = json.loads((ROOT / "docs" / "schemas" / "inspection.schema.json").read_text())
    manifest = json.loads((built / "manifest.json").read_text())
    records = {a["name"]: a for a in json.loads((built / "record" / "artifacts.json").read_text())}
    macs = set()
    for entry in manifest["artifacts"]:
        done = cxredge("inspect", built / entry["path"], "--json")
        assert done.status == 0, done.err
        found = json.loads(done.out)
        jsonschema.validate(found, schema)
        record = records[entry["name"]]
        assert (found["sha256"], found["bytes"]) == (entry["sha256"], record["bytes"])
        assert found["census"] == record["census"]
        macs.add(sum(o["macs"] for o in found["operations"]))
    assert len(macs) == 1, "one student, one number of multiplications"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A convolution, an operator of the file's own, and an escape sequence for a name."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.zeros((8, 4, 3, 3), np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="\x1b[31mred\x1b[0m"),
        *(helper.make_node("Relu", ["c"], [f"r{i}"], name=f"relu{i}") for i in range(11)),
        helper.make_node("Own", ["c"], ["y"], name="mine", domain="own"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 8, 8))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("any", 2))
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("own", 1)])
    path = tmp_path / "odd.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_inspect_prints_a_plain_page(odd: Path, cxredge: Run) -> None:
    done = cxredge("inspect", odd)
    assert done.status == 0, done.err
    assert "\x1b" not in done.out
    # 36 products for each of 8 x 6 x 6 outputs, and 9 x 8 x 4 weights of four bytes
    (convolution,) = (line for line in done.out.splitlines() if "red" in line)
    costs = ["float32", "10,368", "3,328", "1,152", "float32"]
    assert convolution.split() == [r"\x1b[31mred\x1b[0m", "Conv", "1", "x", "8", "x", "6", "x", "6", *costs]
    assert ["output", "y", "float32", "?", "x", "2"] in [line.split() for line in done.out.splitlines()]
    assert "total: 13 operators, 10,368 MACs" in done.out
    assert "not known for 1 of them" in done.out
    listed = [line for line in done.out.splitlines() if line.startswith(("relu", "mine", r"\x1b"))]
    assert len(listed) == 10
    assert listed[0].startswith("mine"), "what may cost most stands first"


def test_inspect_all_lists_every_operator_in_order(odd: Path, cxredge: Run) -> None:
    done = cxredge("inspect", odd, "--all")
    names = [line.split()[0] for line in done.out.splitlines() if line.startswith(("relu", "mine", r"\x1b"))]
    assert names == [r"\x1b[31mred\x1b[0m", *(f"relu{i}" for i in range(11)), "mine"]


def test_inspect_misuse(cxredge: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.pte").write_bytes(b"\0" * 64)
    for name, code in (("absent.onnx", "INSPECT-MISSING"), ("x.pt", "INSPECT-FORMAT"), ("broken.pte", "INSPECT-FILE")):
        done = cxredge("inspect", tmp_path / name)
        assert (done.status, code in done.err) == (2, True), done.err
        assert "Traceback" not in done.err

"""The house rules that a machine can check: lazy imports, floors, published schemas, no machine paths."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "toolchain" / "cxredge"
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = (
    "torch", "torchvision", "timm", "executorch", "torchao", "coremltools", "litert_torch", "ai_edge_litert",
    "ai_edge_quantizer", "tensorflow_lite_support", "onnx", "onnxsim", "onnxscript", "onnxruntime", "scipy", "sklearn",
    "pydicom", "PIL", "jinja2", "ruamel", "cryptography", "model_signing", "sigstore_models", "cyclonedx", "ray",
    "torch_pruning",
)  # fmt: skip
# torch defines modules and losses here; everyone else imports these modules inside functions
TORCH_AT_MODULE_SCOPE = (
    "students/",
    "distill/",
    "baselines/pruning.py",
    "baselines/bytes_by_count.py",
    "baselines/in_int8.py",
    "baselines/experiment.py",
    "baselines/compare_ways.py",
    "mlprogram/operators/",
    "quantize/rounding.py",
    "quantize/layer_fit.py",
    "quantize/branches.py",
    "quantize/folding.py",
    "quantize/kernels.py",
    "quantize/units.py",
    "quantize/unit_graph.py",
    "quantize/simulated_int8.py",
    "quantize/sensitivity.py",
    "importing/head_search.py",
    "importing/recomposed.py",
    "importing/division.py",
    "importing/choosing.py",
    "importing/exporting.py",
    "importing/network.py",
    "importing/making.py",
    "importing/quality_program.py",
    "importing/answers.py",
)

# floors from the ground up; a room imports from itself or from a lower floor; a plain file of the package is a room
FLOORS = (
    (
        "vocabulary",
        "decision",
        "metrics",
        "aten",
        "text_templates",
        "markdown",
        "bounds",
        "recipe",
        "recipe_file",
        "recipe_calibration",
        "recipe_card",
        "recipe_data",
        "recipe_decision",
        "recipe_distillation",
        "recipe_edits",
        "recipe_input",
        "recipe_lines",
        "recipe_words",
        "recipe_not_yet",
        "recipe_shipping",
        "recipe_training",
        "recipe_student",
        "results",
        "evidence",
        "evidence_decisions",
        "evidence_chance",
        "evidence_other_films",
        "errors",
        "files",
        "path_errors",
        "places",
        "scratch",
        "trees",
        "exchange",
        "interruption",
        "progress",
        "code_digest",
        "stages",
        "outputs",
        "outputs_layout",
        "outputs_stream",
        "shard",
        "shard_record",
        "strict_json",
        "strict_yaml",
        "path_errors",
        "trees",
    ),
    ("students", "images", "statistics", "modelfile", "phantoms"),
    ("data", "mlprogram"),
    ("quantize",),
    ("targets",),
    ("explain",),
    ("parity",),
    ("importing",),
    ("workers", "distill", "vectors"),
    ("bundle", "device", "baselines"),
    ("report",),
    ("zoo",),
    ("workflows",),
    ("cli",),
    ("__main__",),
)
SHARED_NAMES = {
    "base": "what all of a room's kind are",
    "target": "one in each target's folder",
    "quantizer": "one in each target's folder",
    "tracer": "one in each target's folder, and what they have in common",
    "contents": "one in each target's folder, and what they have in common",
    "package": "an ML Program on disk, written in one room and read in the other",
    "stages": "the file of what a stage is, and the room with one file each",
}
"""Base names that stand in several rooms and mean one thing."""
NAMED_AFTER_WHAT_THEY_SERVE = {"cli", "workflows", "workflows/stages", "workers/jobs"}
"""A command, its workflow, the stages that it wants and their jobs are called after the same thing."""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_every_module_imports_without_heavy_packages() -> None:
    names = [
        module_name(p)
        for p in SOURCES
        if not any(p.relative_to(PACKAGE).as_posix().startswith(t) for t in TORCH_AT_MODULE_SCOPE)
    ]
    assert len(names) > 30
    script = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ImportError(f"{{name}} is blocked: import it inside the function that needs it")
sys.meta_path.insert(0, Block())
import importlib
for name in {names!r}:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_help_works_without_heavy_packages() -> None:
    from cxredge.cli.main import COMMANDS

    script = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {(*HEAVY, "numpy", "pydantic")!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Block())
from cxredge.cli.main import cli
for command in [[], *([c] for c in {list(COMMANDS)!r})]:
    try:
        cli.main([*command, "--help"])
    except SystemExit as end:
        assert end.code == 0, command
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for command, line in COMMANDS.items():
        assert f"{command}" in done.stdout
        assert line in re.sub(r"\s+", " ", done.stdout)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cxredge."):
            found.add(node.module.split(".")[1])
        if isinstance(node, ast.ImportFrom) and node.module == "cxredge":
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("cxredge.")}
    return found - {"__version__"}


def test_rooms_import_from_floors_below_only() -> None:
    level = {name: i for i, floor in enumerate(FLOORS) for name in floor}
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path in SOURCES
        if path.name != "__init__.py" or path.parent != PACKAGE
        for other in imports(path)
        if other != room(path) and level[other] >= level[room(path)] and not (level[other] == level[room(path)] == 0)
    ]
    assert wrong == []


def test_no_two_files_need_each_other() -> None:
    """Imports inside functions and for the type checker count too: to read one file, nobody has to read it first."""
    from cxredge.code_digest import code_of

    needs = {module_name(path): imported_modules(path) for path in SOURCES}
    assert "cxredge.targets.base" in needs["cxredge.targets.onnx.target"]
    found = circles(needs)
    assert found == []
    assert {"cxredge.files", "cxredge.errors"} <= code_of("cxredge.stages")


def imported_modules(path: Path) -> set[str]:
    """Modules of the package that a file imports, wherever in it."""
    known = {module_name(p) for p in SOURCES}
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (members & known) or ({node.module} & known)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
    return found - {module_name(path), "cxredge"}


def circles(needs: dict[str, set[str]]) -> list[str]:
    """Modules that reach themselves: what is left when those that need nothing left are taken away, again and again."""
    left = {name: set(of) for name, of in needs.items()}
    while free := {name for name, of in left.items() if not of & left.keys()}:
        left = {name: of for name, of in left.items() if name not in free}
    return sorted(left)


def test_keys_that_may_be_absent_are_left_out_by_every_pydantic_that_pip_may_take() -> None:
    """``exclude_if`` needs pydantic 2.12, which xdsl below litert-torch keeps plain pip from: ``Sparse`` does it."""
    from cxredge.vocabulary import AbsentIf, Frozen, Sparse

    assert [path.name for path in SOURCES if "exclude_if=" in path.read_text()] == []
    for name in ("recipe", "evidence", "bundle.build_record", "bundle.manifest", "device.field_log"):
        importlib.import_module(f"cxredge.{name}")
    kinds, found = [Frozen], 0
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        marks = [mark for field in kind.model_fields.values() for mark in field.metadata if isinstance(mark, AbsentIf)]
        found += len(marks)
        assert not marks or issubclass(kind, Sparse), kind
    assert found > 10


def test_modules_are_looked_up_by_name_in_few_places() -> None:
    """A cache key follows imports: whatever is found by name has to be named to it (a target's module is)."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in SOURCES
        if re.search(r"\b(import_module|__import__|run_module|spec_from_file_location)\b", path.read_text())
    }
    assert found == {
        "targets/__init__.py",
        "targets/base.py",
        "cli/main.py",
        "workers/fork_server_process.py",
        "importing/user_code.py",
    }


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_a_base_name_means_one_thing() -> None:
    rooms: dict[str, set[str]] = {}
    for path in SOURCES:
        if path.stem != "__init__":
            rooms.setdefault(path.stem, set()).add(path.parent.relative_to(PACKAGE).as_posix())
    shared = {
        name: others
        for name, where in rooms.items()
        if len(others := where - NAMED_AFTER_WHAT_THEY_SERVE) > 1 and name not in SHARED_NAMES
    }
    assert shared == {}


def test_the_evaluator_can_be_lifted_out() -> None:
    used = {other for path in (PACKAGE / "mlprogram").rglob("*.py") for other in imports(path)}
    assert used == {"mlprogram", "errors"}


def test_published_schemas_are_current(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from cxredge.cli.schema import schema

    result = CliRunner().invoke(schema, [str(tmp_path)])
    assert result.exit_code == 0, result.output
    published = {p.name: json.loads(p.read_text()) for p in (ROOT / "docs" / "schemas").glob("*.json")}
    fresh = {p.name: json.loads(p.read_text()) for p in tmp_path.glob("*.json")}
    assert published == fresh, "run `make schemas`"


def test_no_machine_path_and_no_registry_address_in_tracked_files() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    pattern = re.compile(
        rb"(^|[^A-Za-z0-9_.])/(wo" + rb"rk|ro" + rb"ot|fa" + rb"rm)/"
        rb"|https?://[a-z0-9.-]*(py" + rb"pi|pythonho" + rb"sted|npm" + rb"js|mav" + rb"en)[a-z0-9.-]*"
    )
    # names the language of a pom.xml; nothing is fetched from there
    namespace = b"http://mav" + b"en.apache.org/POM/4.0.0"
    hits = []
    for name in filter(None, listed.stdout.split(b"\0")):
        path = ROOT / name.decode()
        if path.is_file() and path.suffix not in (".safetensors", ".u8", ".png", ".jpg", ".dcm"):
            hits += [
                f"{name.decode()}: {m.group()!r}" for m in pattern.finditer(path.read_bytes().replace(namespace, b""))
            ]
    assert hits == []


def test_lock_holds_hashes_for_every_package() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[a-z])", lock)
    assert len(entries) > 100
    assert [e.split()[0] for e in entries if "--hash=sha256:" not in e] == []


def test_help_is_quick_to_import() -> None:
    """No pydantic, numpy or rich on the way to ``--help``: the figure itself is benchmarks/startup.py's."""
    script = "import sys, cxredge.cli.main; print([m for m in ('pydantic', 'numpy', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

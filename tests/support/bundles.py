"""A bundle of the zoo's phantom recipe whose parts are real but for the models, and the smallest real one, signed."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxredge.bundle.assemble import Parts, assemble
from cxredge.bundle.build_record import FilmList, FilmLists, OutOfDistributionRecord
from cxredge.bundle.keys import PublicKey, read_public
from cxredge.bundle.selftest import make_inputs
from cxredge.data.film import Film
from cxredge.files import canonical_json, sha256_bytes, sha256_file
from cxredge.outputs import OutputsFile, films_digest
from cxredge.parity.judge import Answers, Shown, judge
from cxredge.recipe_file import load_recipe
from cxredge.results import Artifact, Census, Delegation, FilmRecord
from cxredge.vocabulary import QUALITY_KINDS
from support.command import ROOT

Tree = dict[str, Any]
Place = tuple[str | int, ...]
"""Keys from the root of a tree to one of its values."""
V2 = ROOT / "tests" / "bundle" / "fixtures" / "v2"


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Real parts but for the models, whose bytes a manifest does not look into."""
    return make_parts(tmp_path_factory.mktemp("parts"), ROOT / "model_zoo" / "phantom")


def make_parts(folder: Path, place: Path) -> Parts:
    """Parts of the recipe at ``place``, which has phantom's labels; their files go into ``folder``."""
    recipe = load_recipe(place)
    rng = np.random.default_rng(0)
    cases = len(make_inputs(recipe.input))
    cam = rng.normal(0, 3, (cases, len(recipe.labels.names), 6, 6)).astype(np.float32)
    outputs = {"logits": cam.mean((2, 3)), "cam": cam, "novelty": rng.uniform(0, 2, cases).astype(np.float32)}
    if recipe.quality is not None:
        outputs["quality"] = rng.normal(0, 3, (cases, len(QUALITY_KINDS))).astype(np.float32)
    films = [
        Film(
            file=f"{i}", path=Path(), patient="p", split="test", targets=np.zeros(len(recipe.labels.names), np.float32)
        )
        for i in range(cases)
    ]
    shown = Shown(films, films, ["p"] * cases)
    artifacts, verdicts, temperatures = {}, [], {}
    digest = films_digest(["0" * 64])
    for name in recipe.artifacts():
        target, scheme = name.split("/")
        file = folder / f"{target}-{scheme}"
        file.write_bytes(rng.bytes(500))
        artifact = Artifact(
            name=name, target=target, scheme=scheme, file=f"{scheme}.bin", bytes=500, sha256=sha256_file(file),
            census=Census(weight_bytes={}, activations={}, inputs={}, outputs={}),
            delegation=Delegation(delegate="X", partitions=1, delegated=1, total=1),
            cam_step=0.01 if scheme == "w8a8" else None,
        )  # fmt: skip
        artifacts[name] = (artifact, file)
        reference = OutputsFile("reference", "0" * 64, digest, "eager PyTorch", outputs)
        own = OutputsFile(name, artifact.sha256, digest, "a runtime", outputs)
        found = judge(recipe, artifact, shown, Answers(*[reference] * 3), Answers(*[own] * 3))
        verdicts.append(found.verdict)
        temperatures[name] = found.measures.temperature
    weights = folder / "weights"
    weights.write_bytes(b"weights")
    evaluation = FilmList(
        data="phantom",
        split="test",
        patients=1,
        films=(FilmRecord(file="f", sha256="0" * 64, patient="p"),),
        films_sha256=digest,
    )
    return Parts(
        recipe,
        weights,
        7,
        artifacts,
        tuple(verdicts),
        None,
        temperatures,
        FilmLists(
            evaluation=evaluation,
            validation=evaluation.model_copy(update={"split": "val"}),
            out_of_distribution=OutOfDistributionRecord(kinds={"blank": 1}, sha256="0" * 64),
        ),
        dict.fromkeys(artifacts, outputs),
        {"torch": "0"},
        found.chance,
    )


@pytest.fixture
def bundle(parts: Parts, tmp_path: Path) -> Path:
    assemble(parts, "host", tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A copy of the signed bundle of schema version 2, which a test may spoil."""
    return shutil.copytree(V2 / "bundle", tmp_path / "signed")


@pytest.fixture(scope="session")
def signer() -> PublicKey:
    """The key that signed it."""
    return read_public(V2 / "signer.pub")


def sealed(tree: Tree) -> str:
    """The text of ``tree`` with the id that belongs to it: only its content can be what is refused."""
    model = tree.get("model")
    name, version = (model.get(key, "") for key in ("name", "version")) if isinstance(model, dict) else ("", "")
    if "id" in tree:
        tree = {**tree, "id": f"{name}-{version}-{sha256_bytes(canonical_json({**tree, 'id': ''}).encode())[:12]}"}
    return canonical_json(tree)


def changed(tree: Tree, at: Place, value: Any) -> Tree:
    made = copy.deepcopy(tree)
    node: Any = made
    for key in at[:-1]:
        node = node[key]
    node[at[-1]] = value
    return made

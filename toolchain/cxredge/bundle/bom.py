"""The bill of materials: CycloneDX 1.6 (ML-BOM) over the record, so that it can say nothing that was not recorded.

https://cyclonedx.org/docs/1.6/json/. Components, hashes, licences and tools are written by CycloneDX's library; model
card and data sets, which it does not know, are added from ``bom_card``. There is no timestamp, and the serial number
hashes the rest: the same record gives the same bytes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxredge import __version__
from cxredge.bundle import bom_card
from cxredge.bundle.build_record import Record
from cxredge.bundle.manifest import AnyKind
from cxredge.files import canonical_json, sha256_file
from cxredge.recipe_edits import licence_of
from cxredge.vocabulary import ArtifactName

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

FILE = "sbom.cdx.json"
MODEL = "model"
"""Reference of the student's component within the bill."""


def render(
    record: Record, kind: AnyKind, paths: Mapping[ArtifactName, str], folder: Path, files: tuple[str, ...]
) -> str:
    """The bill as JSON. paths: of the artifacts in the bundle's ``folder``; files: others listed by hash."""
    from cyclonedx.output.json import JsonV1Dot6

    bom = _bom(record, kind, paths, {path: sha256_file(folder / path) for path in files})
    tree: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    del tree["metadata"]["timestamp"]
    del tree["serialNumber"]
    data = {f"data/{d.use}": d for d in bom_card.data_sets(record)}
    tree["metadata"]["component"]["modelCard"] = bom_card.model_card(record, list(data))
    for component in tree["components"]:
        if component["bom-ref"] in data:
            component["data"] = [bom_card.data(data[component["bom-ref"]])]
    tree["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, canonical_json(tree)).urn
    return canonical_json(tree)


def _bom(record: Record, kind: AnyKind, paths: Mapping[ArtifactName, str], files: dict[str, str]) -> Bom:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    def hashed(kind: ComponentType, name: str, path: str, digest: str, description: str | None = None) -> Component:
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)]
        return Component(type=kind, name=name, bom_ref=path, description=description, hashes=hashes)

    model = _model(record, kind)
    artifacts = [
        hashed(
            ComponentType.MACHINE_LEARNING_MODEL,
            artifact.name,
            paths[artifact.name],
            artifact.sha256,
            f"{record.recipe.name} for {artifact.target}, {artifact.scheme}",
        )
        for artifact in record.artifacts
    ]
    data = [
        Component(type=ComponentType.DATA, name=d.name, bom_ref=f"data/{d.use}", description=d.description)
        for d in bom_card.data_sets(record)
    ]
    others = [hashed(ComponentType.FILE, path, path, digest) for path, digest in files.items()]
    tools = [
        Component(type=ComponentType.LIBRARY, name=name, version=version, bom_ref=f"tool/{name}")
        for name, version in {"cxredge": __version__, **record.making.tools}.items()
    ]
    bom = Bom(
        components=[*artifacts, *data, *others],
        metadata=BomMetaData(component=model, tools=ToolRepository(components=tools)),
    )
    bom.register_dependency(model, [*artifacts, *others])
    return bom


def _model(record: Record, kind: AnyKind) -> Component:
    """The student, and what it came from."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType, Pedigree

    recipe = record.recipe
    ancestors = [
        Component(type=ComponentType.MACHINE_LEARNING_MODEL, name=name, description=what)
        for name, what in bom_card.ancestors(recipe)
    ]
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=recipe.name,
        version=recipe.version,
        bom_ref=MODEL,
        description=recipe.card.summary,
        licenses=[LicenseFactory().make_from_string(licence)] if (licence := licence_of(recipe)) else [],
        pedigree=Pedigree(ancestors=ancestors) if ancestors else None,
        properties=[
            Property(name="cxredge:bundle-kind", value=kind),
            Property(name="cxredge:weights-sha256", value=recipe.weights.sha256),
            Property(name="cxredge:parameters", value=str(record.making.parameters)),
            *(Property(name="cxredge:attribution", value=line) for line in recipe.card.attribution),
        ],
    )

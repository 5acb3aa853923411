"""The bill of materials: CycloneDX 1.6 (ML-BOM) over the manifest, so that it can say nothing that was not recorded.

https://cyclonedx.org/docs/1.6/json/. Components, hashes, licences and tools are written by CycloneDX's library; model
card and data sets, which it does not know, are added from ``bom_card``. There is no timestamp, and the serial number
hashes the rest: the same manifest gives the same bytes.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxredge import __version__
from cxredge.bundle import bom_card
from cxredge.bundle.manifest import Manifest
from cxredge.files import canonical_json, sha256_file

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

FILE = "sbom.cdx.json"
MODEL = "model"
"""Reference of the student's component within the bill."""


def render(manifest: Manifest, folder: Path, files: tuple[str, ...]) -> str:
    """The bill as JSON. files: paths in the bundle's ``folder`` that are listed with their hashes, artifacts apart."""
    from cyclonedx.output.json import JsonV1Dot6

    bom = _bom(manifest, {path: sha256_file(folder / path) for path in files})
    tree: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    del tree["metadata"]["timestamp"]
    del tree["serialNumber"]
    data = {f"data/{d.use}": d for d in bom_card.data_sets(manifest)}
    tree["metadata"]["component"]["modelCard"] = bom_card.model_card(manifest, list(data))
    for component in tree["components"]:
        if component["bom-ref"] in data:
            component["data"] = [bom_card.data(data[component["bom-ref"]])]
    tree["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, canonical_json(tree)).urn
    return canonical_json(tree)


def _bom(manifest: Manifest, files: dict[str, str]) -> Bom:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    def hashed(kind: ComponentType, name: str, path: str, digest: str, description: str | None = None) -> Component:
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)]
        return Component(type=kind, name=name, bom_ref=path, description=description, hashes=hashes)

    model = _model(manifest)
    artifacts = [
        hashed(
            ComponentType.MACHINE_LEARNING_MODEL,
            entry.artifact.name,
            entry.path,
            entry.artifact.sha256,
            f"{manifest.recipe.name} for {entry.artifact.target}, {entry.artifact.scheme}",
        )
        for entry in manifest.artifacts
    ]
    data = [
        Component(type=ComponentType.DATA, name=d.name, bom_ref=f"data/{d.use}", description=d.description)
        for d in bom_card.data_sets(manifest)
    ]
    others = [hashed(ComponentType.FILE, path, path, digest) for path, digest in files.items()]
    tools = [
        Component(type=ComponentType.LIBRARY, name=name, version=version, bom_ref=f"tool/{name}")
        for name, version in {"cxredge": __version__, **manifest.tools}.items()
    ]
    bom = Bom(
        components=[*artifacts, *data, *others],
        metadata=BomMetaData(component=model, tools=ToolRepository(components=tools)),
    )
    bom.register_dependency(model, [*artifacts, *others])
    return bom


def _model(manifest: Manifest) -> Component:
    """The student, and what it came from."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType, Pedigree

    recipe = manifest.recipe
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
        licenses=[LicenseFactory().make_from_string(recipe.licence)],
        pedigree=Pedigree(ancestors=ancestors) if ancestors else None,
        properties=[
            Property(name="cxredge:bundle-kind", value=manifest.kind),
            Property(name="cxredge:weights-sha256", value=recipe.weights.sha256),
            Property(name="cxredge:parameters", value=str(manifest.parameters)),
            *(Property(name="cxredge:attribution", value=line) for line in recipe.card.attribution),
        ],
    )

"""Verdicts as JUnit XML, which continuous integration shows: a suite for each artifact, a case for each gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from cxredge.evidence import Results
from cxredge.results import Verdict


@dataclass(frozen=True)
class Lacking:
    """An artifact that there is no verdict on. fails: whether one was required."""

    artifact: str
    why: str
    fails: bool


def lacking(results: Results, required: Sequence[str]) -> tuple[Lacking, ...]:
    """Artifacts that were not asked, and required ones that the bundle does not hold: neither is ever kept."""
    judged = {verdict.artifact for verdict in results.verdicts}
    absent = [name for name in dict.fromkeys(required) if name not in judged and name not in results.not_asked]
    return (
        *(Lacking(name, f"not asked: {why}", name in required) for name, why in results.not_asked.items()),
        *(Lacking(name, f"not in the bundle {results.bundle}", True) for name in absent),
    )


def as_junit(name: str, verdicts: Sequence[Verdict], without: Sequence[Lacking] = ()) -> str:
    """The document, in the form of Ant's JUnit task that Jenkins, GitLab and GitHub actions read.

    name: of the model, for example ``phantom-1.0.0``. A gate that is broken or could not be shown is a failure, one
    that does not apply is skipped. without: artifacts that nobody judged; a suite of one case each, which fails where a
    verdict was required, else is skipped.
    """
    root = ElementTree.Element("testsuites", name=name)
    for verdict in verdicts:
        failed = verdict.failed
        skipped = [gate for gate in verdict.gates if gate.verdict == "not-applicable"]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=verdict.artifact,
            tests=str(len(verdict.gates)),
            failures=str(len(failed)),
            errors="0",
            skipped=str(len(skipped)),
        )
        for gate in verdict.gates:
            case = ElementTree.SubElement(suite, "testcase", classname=f"{name}.{verdict.artifact}", name=gate.gate)
            if gate in failed:
                ElementTree.SubElement(case, "failure", type=gate.verdict, message=gate.words)
            elif gate in skipped:
                ElementTree.SubElement(case, "skipped", message="this artifact has no such figure")
    for lack in without:
        counts = {"failures": str(int(lack.fails)), "errors": "0", "skipped": str(int(not lack.fails))}
        suite = ElementTree.SubElement(root, "testsuite", {"name": lack.artifact, "tests": "1", **counts})
        case = ElementTree.SubElement(suite, "testcase", classname=f"{name}.{lack.artifact}", name="asked")
        if lack.fails:
            ElementTree.SubElement(case, "failure", type="required", message=lack.why)
        else:
            ElementTree.SubElement(case, "skipped", message=lack.why)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"

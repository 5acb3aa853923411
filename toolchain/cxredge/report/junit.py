"""Verdicts as JUnit XML, which continuous integration shows: a suite for each artifact, a case for each gate."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from cxredge.results import Verdict


def as_junit(name: str, verdicts: Sequence[Verdict]) -> str:
    """The document, in the form of Ant's JUnit task that Jenkins, GitLab and GitHub actions read.

    name: of the model, for example ``phantom-1.0.0``. A gate that is broken or could not be shown is a failure, one
    that does not apply is skipped.
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
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"

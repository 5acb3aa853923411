"""Verdicts as JUnit XML, which continuous integration shows: a suite for each artifact, a case for each gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from cxredge.evidence import Results
from cxredge.results import Verdict

NOT_KEPT = "its gates were not kept on the bundle's own films"


@dataclass(frozen=True)
class Lacking:
    """An artifact that counts as not kept, or as nothing, whatever its gates say. fails: whether it was required.

    case: ``asked`` of one that there is no verdict on, ``own-gates`` of one that failed when its bundle was built.
    """

    artifact: str
    why: str
    fails: bool
    case: Literal["asked", "own-gates"] = "asked"


def lacking(results: Results, required: Sequence[str]) -> tuple[Lacking, ...]:
    """Artifacts that were not asked, and those that failed on their bundle's own films: neither is ever kept."""
    own = () if results.other_films is None else results.other_films.own_failed
    return (
        *(Lacking(name, f"not asked: {why}", name in required) for name, why in results.not_asked.items()),
        *(Lacking(one.artifact, f"{NOT_KEPT}: {one.words}", one.artifact in required, "own-gates") for one in own),
    )


def as_junit(name: str, verdicts: Sequence[Verdict], without: Sequence[Lacking] = ()) -> str:
    """The document, in the form of Ant's JUnit task that Jenkins, GitLab and GitHub actions read.

    name: of the model, for example ``phantom-1.0.0``. A gate that is broken or could not be shown is a failure, one
    that does not apply is skipped. without: a case more in the artifact's suite, or a suite of one case where nobody
    judged it; it fails where the artifact was required, else is skipped.
    """
    root = ElementTree.Element("testsuites", name=name)
    by_name: dict[str, Verdict] = {verdict.artifact: verdict for verdict in verdicts}
    for artifact in dict.fromkeys([*by_name, *(lack.artifact for lack in without)]):
        suite = ElementTree.SubElement(root, "testsuite", name=artifact)
        where = f"{name}.{artifact}"
        for gate in by_name[artifact].gates if artifact in by_name else ():
            case = ElementTree.SubElement(suite, "testcase", classname=where, name=gate.gate)
            if gate.failed:
                ElementTree.SubElement(case, "failure", type=gate.verdict, message=gate.words)
            elif gate.verdict == "not-applicable":
                ElementTree.SubElement(case, "skipped", message="this artifact has no such figure")
        for lack in without:
            if lack.artifact == artifact:
                case = ElementTree.SubElement(suite, "testcase", classname=where, name=lack.case)
                if lack.fails:
                    ElementTree.SubElement(case, "failure", type="required", message=lack.why)
                else:
                    ElementTree.SubElement(case, "skipped", message=lack.why)
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("errors", "0")
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"

"""Gradle and Maven build the same sources with the same versions: what one file says is held against the other."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

ANDROID = Path(__file__).parents[2] / "android-app"
NAMESPACE = {"m": "http://maven.apache.org/POM/4.0.0"}


def pom(module: str) -> ElementTree.Element:
    return ElementTree.parse(ANDROID / module / "pom.xml").getroot()


def properties() -> dict[str, str]:
    return {
        e.tag.split("}")[1]: e.text or "" for m in ("", "tools") for e in pom(m).find("m:properties", NAMESPACE) or ()
    }


def catalogue() -> dict[str, dict]:
    return tomllib.loads((ANDROID / "gradle" / "libs.versions.toml").read_text())


def gradle(module: str) -> str:
    return (ANDROID / module / "build.gradle.kts").read_text()


def test_the_catalogue_and_the_poms_name_the_same_versions() -> None:
    versions = dict(catalogue()["versions"])
    assert versions.pop("agp")  # Maven has no part of it
    poms = properties()
    assert versions == {name: poms[f"{name}.version"] for name in versions}


def test_both_builds_take_the_same_libraries() -> None:
    # the platform's and Kotlin's classes come with Gradle's plugins; runtimes' classes have no coordinates under Maven
    own = {"android-all", "kotlin-stdlib", "core"}
    runtimes = {"executorch-classes": "executorch-android", "tensorflow-lite-classes": "tensorflow-lite"}
    libraries = {
        alias.replace("-", "."): entry["module"].split(":")[1] for alias, entry in catalogue()["libraries"].items()
    }
    for module in ("core", "app"):
        poms = {
            d.findtext("m:artifactId", "", NAMESPACE) for d in pom(module).findall("m:dependencies/*", NAMESPACE)
        } - own
        named = {libraries[alias] for alias in re.findall(r"\(libs\.((?!plugins)[\w.]+)\)\n", gradle(module))}
        # Gradle starts JUnit 5 by a library that Maven's surefire brings itself, and alone reaches a connected phone
        assert named - {"junit-platform-launcher", "runner"} == {runtimes.get(name, name) for name in poms}


def test_tests_are_told_the_same_under_both_builds() -> None:
    for module in ("core", "app"):
        told = {e.tag.split("}")[1] for e in pom(module).findall(".//m:systemPropertyVariables/*", NAMESPACE)}
        assert {name for name in told if name.startswith("cxr.")} == set(re.findall(r'"(cxr\.\w+)"', gradle(module)))


def test_gradle_uses_all_that_the_catalogue_names() -> None:
    used = "".join(gradle(m) for m in ("", "core", "app"))
    for alias in catalogue()["libraries"]:
        assert f"libs.{alias.replace('-', '.')})" in used, alias
    for alias in catalogue()["plugins"]:
        assert f"libs.plugins.{alias.replace('-', '.')})" in used, alias


def test_gradle_names_every_source_set() -> None:
    modules = {m.text for m in pom("").findall(".//m:module", NAMESPACE)}
    included = set(re.findall(r'":(\w+)"', (ANDROID / "settings.gradle.kts").read_text()))
    # the tools package what Maven built; under Gradle, Android's own plugin does that
    assert modules - included == {"tools"}
    for module in included:
        folders = {p.relative_to(ANDROID / module).as_posix() for p in (ANDROID / module / "src").glob("*/kotlin")}
        assert folders
        assert folders <= set(re.findall(r'kotlin\.srcDir\("([^"]+)"\)', gradle(module)))


def test_both_builds_make_the_same_app() -> None:
    app = gradle("app")
    tools = (ANDROID / "tools/src/main/kotlin/org/cxredge/tools/Resources.kt").read_text()
    maven = (ANDROID / "app/pom.xml").read_text()
    for name, constant in (("min", "MIN_SDK"), ("target", "TARGET_SDK")):
        level = re.search(rf"{name}Sdk = (\d+)", app)
        assert level
        assert f"{constant}: Int = {level[1]}\n" in tools
        assert f"--{name}-sdk-version {level[1]} " in maven
    assert f'versionName = "{pom("").findtext("m:version", "", NAMESPACE)}"' in app
    assert 'namespace = "org.cxredge.app"' in app
    assert "package=&quot;org.cxredge.app&quot; android:versionCode=&quot;1&quot;" in maven
    assert "versionCode = 1\n" in app


def test_the_runtime_that_gradle_carries_is_the_one_that_the_app_is_told_of() -> None:
    said = json.loads((ANDROID / "app/src/gradle/assets/runtime.json").read_text())
    assert said["version"] == catalogue()["versions"]["executorch-android"]
    assert "implementation(libs.executorch.android)" in gradle("app")
    assert said["target"] == "executorch"

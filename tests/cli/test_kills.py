"""Builds that are killed at any moment: the last good bundle stays in its place, and the next run leaves nothing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from cxredge.bundle.bundle import open_bundle
from support.command import CXREDGE, ROOT, run
from support.tiny_recipe import TINY, write_weights

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="reads /proc to see what processes live"
)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STATUSES = {signal.SIGKILL: (-9,), signal.SIGTERM: (143, -15), signal.SIGINT: (130, -2)}
"""The documented status, and that of a process that had not come as far as to hear signals."""
SEED = 20261126
TRIES = 10
"""Builds of which one must live until its signal comes; how long one takes varies with what else the machine does."""


@dataclass(frozen=True)
class Target:
    """A tiny recipe of one target, with a folder of its own for everything that a build writes."""

    name: str
    root: Path

    @property
    def places(self) -> dict[str, str]:
        return {"CXR_CACHE": str(self.root / "cache"), "TMPDIR": str(self.root / "tmp")}

    @property
    def command(self) -> list[str]:
        return ["build", str(self.root / "tiny"), "--out", str(self.root / "dist")]

    @property
    def bundle(self) -> Path:
        return self.root / "dist" / "tiny-0.0.1"

    @property
    def artifacts(self) -> Path:
        return self.root / "cache" / "stages" / "artifacts"

    @classmethod
    def prepared(cls, name: str, root: Path) -> Target:
        folder = root / "tiny"
        folder.mkdir(parents=True)
        (root / "tmp").mkdir()
        text = TINY.format(digest=write_weights(folder / "weights.safetensors"))
        for old, new in (
            ("{onnx: [fp32, w8a8], executorch: [fp32]}", f"{{{name}: [fp32, w8a8]}}"),
            ("primary: executorch/fp32", f"primary: {name}/fp32"),
            ("{android: [executorch/fp32]}", "{}"),
            ("w8a8: {logit_sqnr_db: 1}", "w8a8: {logit_sqnr_db: -100}"),
        ):
            assert old in text
            text = text.replace(old, new)
        (folder / "model.yaml").write_text(text)
        return cls(name, root)

    def build(self) -> float:
        """Build to the end; seconds."""
        began = time.monotonic()
        done = run(*self.command, **self.places)
        assert done.status == 0, done.err
        return time.monotonic() - began

    def stopped(self, number: signal.Signals, after: float) -> int:
        """Build, and send a signal after so many seconds; the exit status."""
        process = subprocess.Popen(
            [CXREDGE, *self.command],
            cwd=ROOT,
            env={**os.environ, **self.places},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # a shell that runs the tests in the background lets its children ignore Ctrl-C, and that is inherited
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        return process.wait(60)

    def left(self) -> list[str]:
        """What is there that no build that ended well leaves: scratch folders, temporary files, processes."""
        files = [p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if ".cxredge-" in p.name]
        files += [p.name for p in (self.root / "tmp").iterdir()]
        files += [p.name for p in (self.root / "cache").iterdir() if p.name != "stages"]
        files += [p.name for p in (self.root / "dist").iterdir() if p != self.bundle]
        deadline = time.monotonic() + 20  # orphans end by themselves, within a second or their imports
        while (orphans := self._processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return [*files, *orphans]

    def _processes(self) -> list[str]:
        mark = f"CXR_CACHE={self.places['CXR_CACHE']}".encode()
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (place / "environ").read_bytes().split(b"\0"):
                    found.append(f"process {place.name}: {(place / 'cmdline').read_bytes()!r:.100}")
            except OSError:
                continue  # it has ended, or is somebody else's
        return found


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def kill(target: Target, warm: int, cold: int, rng: random.Random) -> Counter[str]:
    """Kill so many builds, with everything kept or with the artifacts to be lowered again."""
    counts: Counter[str] = Counter()
    first = target.build()
    took = {False: target.build(), True: first}
    before = tree(target.bundle)
    kills = [(lowers, SIGNALS[i % 3]) for lowers, count in ((False, warm), (True, cold)) for i in range(count)]
    for lowers, number in kills:
        # a build that ends before its signal comes was not killed, and says nothing
        for _ in range(TRIES):
            if lowers:
                shutil.rmtree(target.artifacts)
            after = rng.uniform(0, took[lowers])
            if (status := target.stopped(number, after)) != 0:
                break
            counts["ended before"] += 1
        assert status in STATUSES[number], f"{number.name} after {after:.2f} s: status {status}"
        counts[number.name] += 1
        counts["while lowering" if lowers else "warm"] += 1
        open_bundle(target.bundle)
        assert tree(target.bundle) == before, f"{number.name} after {after:.2f} s"
        if status in (130, 143):
            assert target.left() == [], f"{number.name} after {after:.2f} s: it cleans up itself"
        else:
            counts["left something to sweep"] += bool(target.left())
        target.build()
        assert target.left() == [], f"{number.name} after {after:.2f} s: the next run sweeps"
        assert tree(target.bundle) == before
    return counts


def test_builds_that_are_killed(tmp_path: Path) -> None:
    """One of each signal; ``test_thirty_builds_of_a_target_that_are_killed`` is the whole."""
    counts = kill(Target.prepared("onnx", tmp_path), warm=3, cold=0, rng=random.Random(SEED))
    assert [counts[number.name] for number in SIGNALS] == [1, 1, 1]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", ["onnx", "executorch", "tflite", "coreml"])
def test_thirty_builds_of_a_target_that_are_killed(name: str, tmp_path: Path) -> None:
    counts = kill(Target.prepared(name, tmp_path), warm=27, cold=3, rng=random.Random(f"{SEED} {name}"))
    print(f"\n{name}: {dict(counts)}", file=sys.stderr)
    assert [counts[number.name] for number in SIGNALS] == [10, 10, 10]


SWAPS = """
import os, random, signal, sys, time
from collections import Counter
from pathlib import Path
from cxredge import files
from cxredge.bundle.assemble import assemble
from cxredge.bundle.bundle import open_bundle
from cxredge.scratch import OLD, sweep
from support.bundles import make_parts
from support.command import ROOT

root, kills, renames = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "renames"
if renames:
    files.exchange = lambda one, two: False
rng = random.Random(sys.argv[4])
(root / "parts").mkdir()
parts, goal = make_parts(root / "parts", ROOT / "model_zoo" / "phantom"), root / "dist" / "bundle"
began = time.monotonic()
assemble(parts, "host", goal)
took = time.monotonic() - began
counts = Counter()
for _ in range(kills):
    child = os.fork()
    if child == 0:
        while True:
            assemble(parts, "host", goal)
    time.sleep(rng.uniform(0, 3 * took))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left = [p for p in goal.parent.iterdir() if p != goal]
    for folder in left:
        new = folder / files.NEW
        counts["between the renames"] += not goal.exists()
        counts["after the swap"] += (new / "manifest.json").exists() and len(list(new.iterdir())) == 7
        counts["half made"] += new.exists() and not (new / "manifest.json").exists()
    if not renames:
        open_bundle(goal)
    sweep(goal.parent)
    open_bundle(goal)
    assert list(goal.parent.iterdir()) == [goal], list(goal.parent.iterdir())
    counts["left something to sweep"] += bool(left)
    counts["kills"] += 1
print(dict(counts))
"""


def swaps(root: Path, kills: int, how: str) -> str:
    command = [sys.executable, "-c", SWAPS, root, str(kills), how, f"{SEED}"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'toolchain'}:{ROOT / 'tests'}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("how", ["exchange", "renames"])
def test_bundles_that_are_written_in_a_loop_and_killed(tmp_path: Path, how: str) -> None:
    """``renames``: as on a file system that exchanges nothing; the sweep then puts back what was between two places."""
    assert "'kills': 12" in swaps(tmp_path, 12, how)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", ["exchange", "renames"])
def test_hundreds_of_bundles_that_are_written_in_a_loop_and_killed(tmp_path: Path, how: str) -> None:
    print(f"\n{how}: {swaps(tmp_path, 300, how)}", file=sys.stderr)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_a_command_with_its_status_and_nothing_left(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """In the middle of what takes long, and twice, as terminals and impatient people send it."""
    process = subprocess.Popen(
        [CXREDGE, "phantom", tmp_path / "set", "--patients", "5000"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: [signal.signal(n, signal.SIG_DFL) for n in (signal.SIGINT, signal.SIGHUP)],
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".set.*/new/images/*.png")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    if number != signal.SIGINT:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (status, "interrupted: what was whole before is still whole")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_was_to_be_ignored_stays_ignored() -> None:
    """``nohup cxredge ...``."""
    script = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        "from cxredge.cli.stopping import stop_on_signals; stop_on_signals(); os.kill(os.getpid(), signal.SIGHUP); "
        "print(signal.getsignal(signal.SIGTERM).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "_stop\n"

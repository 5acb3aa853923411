"""Interruptions wait where something would be left half done, and only there."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from cxredge import interruption
from cxredge import scratch as scratches
from cxredge.cli import stopping
from cxredge.interruption import interrupt, undisturbed
from cxredge.scratch import scratch

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> object:
    """As a command has them, and as they were behind each test."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    stopping.stop_on_signals()
    yield
    for number, heard in before.items():
        signal.signal(number, heard)
    interruption._raised.clear()


def test_outside_of_a_block_they_come_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt(KeyboardInterrupt())


def test_inside_they_come_at_the_end_of_the_outermost_and_the_first_alone() -> None:
    done = []
    first = KeyboardInterrupt("first")
    with pytest.raises(KeyboardInterrupt, match="first") as caught, undisturbed():
        with undisturbed():
            interrupt(first)
            interrupt(KeyboardInterrupt("second"))
        done.append("inner")
    assert caught.value is first
    assert interruption.raised() is first
    assert done == ["inner"]
    with undisturbed():
        pass


def test_another_thread_holds_nothing() -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with undisturbed():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupt(KeyboardInterrupt())
    finally:
        leave.set()
        thread.join()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("step", ["_make", "_put_back", "_remove"])
def test_a_scratch_folder_is_removed_whenever_a_signal_comes(
    step: str, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each step of its making and of its removal; the status is the signal's."""
    right = getattr(scratches, step)

    def disturbed(*arguments: object) -> object:
        os.kill(os.getpid(), number)
        result = right(*arguments)
        os.kill(os.getpid(), number)
        return result

    monkeypatch.setattr(scratches, step, disturbed)
    with pytest.raises(KeyboardInterrupt) as caught, scratch(tmp_path, "goal") as folder:
        (folder / "file").write_text("x")
    assert stopping.stopped_status(caught.value) == 128 + number
    assert list(tmp_path.iterdir()) == []

"""Whatever happens: nothing lost, nothing doubled, nothing forged taken. `scripts/fuzz --target models` plays more."""

from random import Random
from typing import override

import pytest

from iiot_engine.ports import Batch
from iiot_engine.stores.memory import MemoryIntake

from .broken import LawError
from .device import Device
from .history import FAULTS, History, Story, story
from .target import ModelsTarget

SEEDS = range(90)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_law_holds_in_a_random_history(seed: int) -> None:
    told = story(Random(seed))
    try:
        History(told).play()
    except LawError as err:
        pytest.fail(f"{err}\nseed {seed}: {told}")


@pytest.mark.parametrize("fault", [*FAULTS, "twins"])
def test_every_law_holds_under_each_fault_alone(fault: str) -> None:
    devices = 2 if fault == "twins" else 1
    History(Story(seed=5, steps=200, faults=frozenset({fault}), devices=devices)).play()


def test_every_law_holds_on_a_real_disk_that_is_killed_again_and_again() -> None:
    faults = frozenset({"kill", "slow", "fail", "loss", "reboot"})
    for seed in range(3):
        History(Story(seed=seed, steps=300, faults=faults, devices=2, real_disk=True)).play()


def test_a_story_can_be_kept_and_told_again() -> None:
    target = ModelsTarget()
    told = story(Random(11))
    assert target.load(target.dump(told)) == told
    assert all(simpler != told for simpler in target.smaller(told))


# --- the laws bite ---------------------------------------------------------------------------

PLAIN = Story(seed=1, steps=200, faults=frozenset({"loss", "kill"}))


class ForgetfulDisk(MemoryIntake):
    """Says that it has written what it has not."""

    @override
    def commit(self, batch: Batch) -> None:
        super().commit(
            batch._replace(rows=[row for row in batch.rows if not row.topic.endswith("data") or row.seq % 5])
        )


class StutteringDisk(MemoryIntake):
    """Writes everything twice."""

    @override
    def commit(self, batch: Batch) -> None:
        super().commit(batch._replace(rows=batch.rows * 2))


@pytest.mark.parametrize("disk", [ForgetfulDisk, StutteringDisk])
def test_a_disk_that_forgets_or_stutters_is_found_out(disk: type[MemoryIntake]) -> None:
    history = History(PLAIN._replace(faults=frozenset()))
    history.disk.store = disk()
    with pytest.raises(LawError, match="the journal is not what was committed"):
        history.play()


def test_a_disk_that_forgets_windows_is_found_out() -> None:
    class Amnesia(MemoryIntake):
        @override
        def commit(self, batch: Batch) -> None:
            super().commit(batch._replace(states=batch.states if batch.number < 3 else []))

    history = History(PLAIN._replace(faults=frozenset({"kill", "duplicate", "intruder"}), steps=600))
    history.disk.store = Amnesia()
    with pytest.raises(LawError):
        history.play()


def test_a_device_that_frees_what_nobody_answered_is_found_out() -> None:
    history = History(PLAIN)
    (device,) = history.devices
    measure = device.measure

    def careless(now_ns: int, kind: str) -> None:
        measure(now_ns, kind)
        if device.index % 7 == 0:
            device.flash.rows.clear()

    device.measure = careless  # type: ignore[method-assign]
    with pytest.raises(LawError, match="are lost"):
        history.play()


def test_an_intruder_with_the_key_is_found_out() -> None:
    """What he signs is in no device's list: the judge sees it in the journal. Without the key he never gets there."""
    history = History(PLAIN._replace(faults=frozenset()))
    (device,) = history.devices
    thief = Device(device.id, device.key, device.flash, device.clock, Random(9), history._sent)
    thief.start(history.now_ns)
    thief.is_connected = True
    thief.say("log", {"level": "info", "msg": "hello"}, history.now_ns, 0)
    with pytest.raises(LawError, match="no device sent"):
        history.play()

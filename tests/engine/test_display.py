"""What channels are called, and in which unit they are shown, as people want it."""

from typing import Any

import pytest

from iiot_engine import records
from iiot_engine.devices.display import Display, displayed
from iiot_engine.devices.manifest import Channel
from iiot_engine.errors import RecordError
from iiot_engine.plant.policy import Policy
from iiot_engine.values import Kind
from tests.builders import Machine, World

FLOW = Channel(key="flow", name="CH1", kind=Kind.FLOAT, precision=3)


def test_a_channel_is_shown_as_people_want_it_and_else_as_the_device_says() -> None:
    assert displayed(FLOW, None) is FLOW
    assert displayed(FLOW, Display()) == FLOW
    shown = displayed(FLOW, Display(name="Inflow", unit="m³/h", precision=0))
    assert (shown.key, shown.name, shown.unit, shown.precision) == ("flow", "Inflow", "m³/h", 0)


def test_a_unit_that_the_device_names_holds() -> None:
    own = Channel(key="flow", name="CH1", kind=Kind.FLOAT, unit="l/min")
    assert displayed(own, Display(unit="m³/h")).unit == "l/min"


def test_another_unit_than_the_device_names_is_refused() -> None:
    world = World()
    machine = Machine(world).join()
    fine = Policy(display={"temperature": Display(unit="°C"), "strokes": Display(unit="1/min"), "else": Display()})
    world.plant.check_policy(machine.id, fine)
    with pytest.raises(RecordError) as caught:
        world.plant.check_policy(machine.id, Policy(display={"temperature": Display(unit="°F")}))
    assert caught.value.path == "display.temperature.unit"
    assert "the device's own, °C" in caught.value.reason


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": " x"}, {"name": "a\nb"}, {"name": "x" * 65}, {"unit": "x" * 25}, {"precision": 7}],
)
def test_what_cannot_be_shown_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        records.read(Display, wrong)

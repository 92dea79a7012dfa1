"""The scenario that the simulator's page shows is one."""

import re
import tomllib

from iiot_sim import scenario

from .pages import ROOT


def test_the_scenario_of_the_page_can_be_run():
    text = (ROOT / "docs/reference/simulator.md").read_text(encoding="utf-8")
    found = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert found is not None
    plan = scenario.read(tomllib.loads(found[1]), "page")
    assert [profile.name for profile in plan.profiles] == ["Office"]
    assert [channel.key for channel in plan.profiles[0].channels] == ["temperature"]
    assert [actuator.key for actuator in plan.profiles[0].actuators] == ["heating"]
    assert plan.profiles[0].periods_s == {"temperature": 5.0}
    assert [fault.kind for fault in plan.profiles[0].channels[0].faults] == ["spike"]

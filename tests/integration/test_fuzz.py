"""What the integration itself reads of strangers: a short campaign. The others are in tests/fuzz."""

import pytest

from tests.fuzz.campaign import run_block
from tests.fuzz.hass_targets import TARGETS
from tests.fuzz.target import ACCEPTED


@pytest.mark.parametrize("name", [target.name for target in TARGETS])
def test_whatever_is_pasted_or_described_is_taken_or_refused_and_nothing_else_happens(name: str) -> None:
    target = next(target for target in TARGETS if target.name == name)
    tally = run_block(target, seed=1, first=0, inputs=2_000)
    assert not tally.failures, "\n".join(f"input {each.index}: {each.error}" for each in tally.failures)
    assert tally.codes[ACCEPTED], "nothing was taken, so nothing was tried"

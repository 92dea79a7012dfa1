"""What a site is made of, and the forms in which it is registered."""

from collections.abc import Mapping
from typing import Final

from homeassistant.config_entries import ConfigSubentryFlow

from ..const import SUBENTRY_ADOPTED, SUBENTRY_BARE, SUBENTRY_DEVICE
from .adopted_pages import AdoptedPagesFlow
from .bare_commands import SignedTopicFlow
from .device import DeviceFlow

FLOWS: Final[Mapping[str, type[ConfigSubentryFlow]]] = {
    SUBENTRY_DEVICE: DeviceFlow,
    SUBENTRY_BARE: SignedTopicFlow,
    SUBENTRY_ADOPTED: AdoptedPagesFlow,
}

"""Templates of topics: `plant/{area}/{device}/{channel}` stands for every device that speaks like that."""

import re
from typing import Final, NamedTuple

from ..errors import FilterError, TemplateError
from . import topics
from .canonical import is_clean_text

DEVICE: Final = "{device}"
AREA: Final = "{area}"
CHANNEL: Final = "{channel}"
MAX_NAME: Final = 64
"""Characters of a level that stands in the place of a name."""
_PLACES: Final = (DEVICE, AREA, CHANNEL)
_BRACE: Final = re.compile(r"[{}+#]")


class Match(NamedTuple):
    """What a topic says by its levels."""

    device: str
    area: str | None
    channel: str | None
    root: str
    """The topic, or the filter, of everything that the device says: the channel's level is `+`."""


class Template(NamedTuple):
    """A template that was read."""

    text: str
    levels: tuple[str, ...]

    @property
    def filter(self) -> str:
        """The topic filter of all its topics."""
        return "/".join("+" if level in _PLACES else level for level in self.levels)

    def match(self, topic: str) -> Match | None:
        """Take a topic apart; None for one that does not fit, or whose names are none."""
        found = topic.split("/")
        if len(found) != len(self.levels):
            return None
        names: dict[str, str] = {}
        for level, said in zip(self.levels, found, strict=True):
            if level in _PLACES:
                names[level] = said
            elif level != said:
                return None
        root = "/".join("+" if level == CHANNEL else said for level, said in zip(self.levels, found, strict=True))
        if not all(map(_is_name, names.values())) or not _is_filter(root):
            return None
        return Match(names[DEVICE], names.get(AREA), names.get(CHANNEL), root)


def read_template(text: str) -> Template:
    """Read a template; raises `TemplateError`."""
    levels = tuple(text.split("/"))
    found = Template(text, levels)
    places = [level for level in levels if level in _PLACES]
    is_clean = not any(_BRACE.search(level) for level in levels if level not in _PLACES)
    if not is_clean or len(set(places)) < len(places) or not _is_filter(found.filter):
        raise TemplateError("invalid_template")
    if DEVICE not in places:
        raise TemplateError("template_without_device")
    return found


def _is_name(said: str) -> bool:
    return 0 < len(said) <= MAX_NAME and said.isprintable() and is_clean_text(said) and not _BRACE.search(said)


def _is_filter(text: str) -> bool:
    try:
        topics.check_filter(text)
    except FilterError:
        return False
    return True

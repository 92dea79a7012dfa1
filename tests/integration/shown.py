"""The forms that a walk through a flow has shown, compared with the words that are written for them."""

from typing import Any

import orjson
import probatio
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import SelectSelector

from .words import WORDS, placeholders


class Shown:
    """Collects the forms that a walk through a flow has shown."""

    def __init__(self, words: dict[str, Any]) -> None:
        self.steps = words["step"]
        self.fields: dict[str, set[str]] = {}
        self.options: dict[str, set[str]] = {}
        self.actions: set[str] = set()

    def add(self, form: Any) -> Any:
        """Check one step's words, that it can be sent to a browser, and note its fields."""
        step = self.steps[form["step_id"]]
        given = set(form["description_placeholders"] or {})
        assert placeholders(step["title"]) | placeholders(step.get("description", "")) <= given
        if form["type"] == "menu":
            self._add_menu(step, form)
            return form
        if form["type"] == "progress":
            self.actions.add(form["progress_action"])
            assert placeholders(WORDS["options"]["progress"][form["progress_action"]]) <= given
            self.fields[form["step_id"]] = set()
            return form
        assert form["type"] == "form", form
        assert orjson.dumps(probatio.to_field_list(form["data_schema"], custom_serializer=cv.custom_serializer))
        self._add(form["step_id"], form["data_schema"])
        return form

    def _add_menu(self, step: Any, menu: Any) -> None:
        assert list(step["menu_options"]) == menu["menu_options"]
        assert step.get("menu_option_descriptions", step["menu_options"]).keys() == step["menu_options"].keys()
        self.fields[menu["step_id"]] = set()

    def _add(self, path: str, schema: Any) -> None:
        seen = self.fields.setdefault(path, set())
        for marker, field in schema.schema.items():
            if hasattr(field, "schema"):
                self._add(f"{path}.{marker.schema}", field.schema)
                continue
            seen.add(str(marker.schema))
            if isinstance(field, SelectSelector) and "translation_key" in field.config:
                self.options.setdefault(field.config["translation_key"], set()).update(field.config["options"])

    def check(self) -> None:
        """Compare what was shown with what stands in the translations, both ways."""
        written: dict[str, set[str]] = {}
        for name, step in self.steps.items():
            parts = {name: step} | {f"{name}.{part}": inner for part, inner in step.get("sections", {}).items()}
            for path, part in parts.items():
                written[path] = set(part.get("data", {}))
                assert written[path] == set(part.get("data_description", {})), path
        own = (
            ".channel_descriptions",
            ".own_intervals",
            ".measured_by_channels",
        )  # their fields are called as the device's channels
        shown = {path: set() if path.endswith(own) else seen for path, seen in self.fields.items()}
        assert {path: seen for path, seen in shown.items() if seen} == {p: seen for p, seen in written.items() if seen}
        assert shown.keys() >= self.steps.keys()

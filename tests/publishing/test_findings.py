"""The tree is fit to be published; and whatever would make it unfit is found."""

import shutil
from pathlib import Path

import pytest

from testbed.publishing.__main__ import CHECKS, findings
from testbed.publishing.tree import Tree, UnreadableError

ROOT = Path(__file__).parents[2]
COPIED = (".github", "LICENSE", "README.md", "custom_components", "hacs.json", "pyproject.toml")
"""What a case may change; the rest of the tree is linked."""
HOME = "custom_components/iiot"
MANIFEST, ICONS, SCALE = (f"{HOME}/{name}" for name in ("manifest.json", "icons.json", "quality_scale.yaml"))
EN, OTHER = (f"{HOME}/translations/{language}.json" for language in ("en", "xx"))
TEST, VALIDATE, RELEASE = (f".github/workflows/{name}.yml" for name in ("test", "validate", "release"))
CORE, ENTITY = "from homeassistant.core", f"{HOME}/entity.py"
ACTIONS = f"{HOME}/services.yaml"
FIRST = "command:\n  target:\n"
EXEMPT = "status: exempt\n    comment: There are no conditions yet."
ACTION = "stop:\n  fields:\n    device:\n      required: true\n      selector:\n        device:\n"

# Check, file, what stands there (None: the file is new), what is put there (None: the file goes), what is found.
CASES = [
    ("unreadable", "hacs.json", '"name"', "name", "hacs.json:"),
    ("unreadable", "hacs.json", "{", '{"name": "Twin",', "'name' stands twice"),
    ("unreadable", SCALE, "rules:", "rules:\n  brands: {}", "'brands' stands twice"),
    ("unreadable", TEST, "jobs:", "jobs: [", "test.yml:"),
    ("manifest", MANIFEST, '"domain": "iiot",\n  "name"', '"name": "X",\n  "domain": "iiot",\n  "nam"', "order"),
    ("manifest", MANIFEST, '"iot_class": "local_push",', "", "'iot_class' is missing"),
    ("manifest", MANIFEST, '"issue_tracker"', '"single_config_entry"', "'single_config_entry' is not"),
    ("manifest", MANIFEST, '"domain": "iiot"', '"domain": "iot"', "name of the folder"),
    ("manifest", MANIFEST, "https://github.com", "http://github.com", "documentation is no https link"),
    ("manifest", MANIFEST, "github.com", "www.home-assistant.io", "pages of Home Assistant"),
    ("manifest", MANIFEST, '"hub"', '"device"', "it is a hub"),
    ("manifest", MANIFEST, '"@iiot-', '"iiot-', "codeowners"),
    ("manifest", MANIFEST, '"version": "', '"version": "v', "the version is no number"),
    ("manifest", MANIFEST, '"requirements": []', '"requirements": ["numpy"]', "downloaded"),
    ("dependencies", MANIFEST, '["file_upload"]', '["file_upload", "mqtt"]', "both in dependencies"),
    ("dependencies", MANIFEST, '"mqtt"', '"http"', "imports mqtt"),
    ("dependencies", ENTITY, CORE, f"import homeassistant.components.recorder\n{CORE}", "imports recorder"),
    ("dependencies", ENTITY, CORE, f"from homeassistant.components import hassio\n{CORE}", "imports hassio"),
    ("set_up", f"{HOME}/config_flow.py", "", None, "promises a config flow"),
    ("set_up", f"{HOME}/__init__.py", "CONFIG_SCHEMA =", "SCHEMA =", "CONFIG_SCHEMA"),
    ("words", EN, "", None, "there is no en.json"),
    ("words", f"{HOME}/strings.json", None, "{}", "strings.json:"),
    ("words", EN, '"Add a site"', '" Add a site"', "stray white space"),
    ("words", EN, '"Add a site"', '"Add  a site"', "two spaces"),
    ("words", EN, '"Add a site"', '"Add <b>a</b> site"', "HTML"),
    ("words", EN, '"Add a site"', '"See https://example.com"', "address of the web"),
    ("words", EN, '"Add a site"', '"See www.example.com"', "address of the web"),
    ("words", EN, "the site {site}", "the site '{site}'", "single quotes"),
    ("words", EN, '"Add a site"', '"[%key:common%]"', "a reference"),
    ("words", EN, '"Add a site"', '""', "no text"),
    ("words", EN, '"Add a site"', "7", "no text"),
    ("words", EN, '"Add a site"', '"Add {"', "a brace"),
    ("words", EN, '"Add a site"', '"Add {a site}"', "a proper name"),
    ("words", EN, '"Warning"', '"Warning {since}"', "where none is filled in"),
    ("words", EN, '"entry_type"', '"kind"', "'entry_type' is missing"),
    ("words", EN, '"Device",\n      "initiate_flow"', '"Device",\n      "start"', "'initiate_flow' is missing"),
    ("words", EN, '"title": "Industrial IoT"', '"name": "Industrial IoT"', "does not read it"),
    ("words", EN, '"health_signal"', '"Health.signal"', "a key has small letters"),
    ("words", EN, '"health_signal": {', '"health_signal": "x", "y": {', "texts stand below it"),
    ("words", EN, '"prefix": "First', '"suffix": "First', "'suffix' is described, and is no field"),
    ("languages", OTHER, None, '{"title": "IIoT"}', "config.flow_title: is missing"),
    ("languages", OTHER, None, '{"titel": "IIoT"}', "titel: English does not know it"),
    ("languages", OTHER, None, '{"config": {"flow_title": "{device}"}}', "not the placeholders"),
    ("actions", ACTIONS, "", None, "services.yaml: is missing"),
    ("actions", f"{HOME}/trigger.py", None, "", "triggers.yaml: is missing"),
    ("actions", f"{HOME}/condition.py", None, "", "conditions.yaml: is missing"),
    ("actions", ACTIONS, FIRST, f"stop:\n  fields: 7\n{FIRST}", "services.yaml: "),
    ("actions", f"{HOME}/triggers.yaml", None, "Alarm!: {}\n", "triggers.yaml: "),
    ("actions", f"{HOME}/conditions.yaml", None, "is_live: 7\n", "conditions.yaml: "),
    ("actions", ACTIONS, FIRST, f"{ACTION}{FIRST}", "en.json: services stop is missing"),
    ("actions", ACTIONS, FIRST, f"{ACTION}{FIRST}", "icons.json: services stop is missing"),
    ("actions", ACTIONS, FIRST, f"{ACTION}{FIRST}", "the field device is not both"),
    ("actions", EN, '"services": {', '"services": {"stop": {},', "services.yaml: services stop is missing"),
    ("icons", ICONS, "mdi:wifi", "hass:wifi", "'hass:wifi' is no icon"),
    ("icons", ICONS, '"health_signal"', '"health_radio"', "health_radio has no words"),
    ("icons", ICONS, '"entity"', '"entities"', "entities: Home Assistant does not read it"),
    ("icons", ICONS, "", None, "icons.json:"),
    ("store", "hacs.json", "", None, "hacs.json:"),
    ("store", "hacs.json", '"name"', '"title"', "HACS does not know 'title'"),
    ("store", "hacs.json", '"name"', '"title"', "'name' is missing"),
    ("store", "hacs.json", "true", '"yes"', "'hide_default_branch' is no bool"),
    ("store", "hacs.json", "2026.10.0", "autumn", "no release of Home Assistant"),
    ("store", "hacs.json", "{", '{"zip_release": true,', "zip_release needs"),
    ("store", "hacs.json", "{", '{"content_in_root": true,', "not in the root"),
    ("layout", "custom_components/other/manifest.json", None, "{}", "iiot, other"),
    ("layout", "README.md", "", None, "README.md"),
    ("licence", "LICENSE", "perpetual", "temporary", "word by word"),
    ("licence", "LICENSE", "", None, "word by word"),
    ("licence", "pyproject.toml", '"Apache-2.0"', '"MIT"', "pyproject.toml"),
    ("brand", f"{HOME}/brand/icon.png", "", None, "icon.png: is missing"),
    ("brand", f"{HOME}/brand/Icon.png", None, "", "Icon.png: Home Assistant does not look"),
    ("brand", f"{HOME}/brand/dark_icon.png", None, "GIF89a", "dark_icon.png: is no PNG"),
    ("scale", SCALE, "  brands:", "  brand:", "brands is missing"),
    ("scale", SCALE, "  brands:", "  brand:", "brand: no rule"),
    ("scale", SCALE, "status: done", "status: nearly", "'nearly' does not exist"),
    ("scale", SCALE, "status: exempt\n    comment: ", "status: todo\n    comment: So. #", "says nothing"),
    ("scale", SCALE, EXEMPT, "status: done\n    comment: So.", "names no proof"),
    ("scale", SCALE, "README.md", "WRITEME.md", "WRITEME.md is not there"),
    ("scale", SCALE, "    status: done\n", "", "its status and a comment"),
    ("workflows", RELEASE, "", None, "release.yml: is missing"),
    ("workflows", TEST, "on:", "when:", "nothing starts it"),
    ("workflows", TEST, "contents: read", "contents: write", "the permissions of all jobs"),
    ("workflows", RELEASE, "contents: write", "packages: write", "more than it needs"),
    ("workflows", TEST, "timeout-minutes: 60\n", "\n", "no limit of time"),
    ("workflows", TEST, "persist-credentials: false", "clean: true", "leaves its token"),
    ("workflows", VALIDATE, "hassfest@", "hassfest@v1 # ", "not pinned"),
    ("workflows", TEST, "run: .ci/run", "run: make test", "no script of ours"),
    ("workflows", TEST, "run: .ci/run", "run: scripts/tets", "scripts/tets is not there"),
    ("workflows", TEST, "run: .ci/run", "run: .ci/run ${{ github.ref }}", "an expression"),
]  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in sorted(ROOT.iterdir()):
        if path.name not in COPIED:
            (tmp_path / path.name).symlink_to(path)
        elif path.is_dir():
            shutil.copytree(path, tmp_path / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, tmp_path)
    return tmp_path


def found_by(name: str, root: Path) -> list[str]:
    (check,) = (check for check in CHECKS if check.__name__ == name)
    try:
        return list(check(Tree(root)))
    except UnreadableError as err:
        return [str(err)]


def test_the_tree_is_fit_to_be_published() -> None:
    assert findings(ROOT) == []


@pytest.mark.parametrize(("check", "file", "old", "new", "finding"), CASES)
def test_a_fault_is_found(copy: Path, check: str, file: str, old: str | None, new: str | None, finding: str) -> None:
    path = copy / file
    if new is None:
        path.unlink()
    elif old is None:
        assert not path.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_text(new, "utf-8")
    else:
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
    assert any(finding in found for found in found_by(check, copy)), found_by(check, copy)


@pytest.mark.parametrize(
    ("name", "other", "finding"),
    [
        ("icon.png", "icon@2x.png", "is 512 by 512, not 256 by 256"),
        ("icon@2x.png", "icon.png", "is 256 by 256, not 512 by 512"),
        ("logo.png", "icon@2x.png", "a logo is 128 to 256 high"),
        ("dark_logo@2x.png", "dark_logo.png", "a logo is 256 to 512 high"),
    ],
)
def test_a_picture_of_another_size_is_found(copy: Path, name: str, other: str, finding: str) -> None:
    folder = copy / HOME / "brand"
    shutil.copy(folder / other, folder / name)
    (found,) = found_by("brand", copy)
    assert finding in found


def test_every_check_can_fail() -> None:
    assert {case[0] for case in CASES} == {check.__name__ for check in CHECKS}

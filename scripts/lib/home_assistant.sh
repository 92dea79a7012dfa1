# shellcheck shell=bash
# Tests under another Home Assistant than the locked one: the oldest that is supported, or the newest that there is.

# use_home_assistant floor|newest: an environment of its own, made anew, to which the path leads from then on. All
# else in it is what that Home Assistant asks for, and the test plugin is the locked one.
use_home_assistant() {
  local wanted asks
  case "$1" in
    floor) wanted="homeassistant==$(python -c 'import json; print(json.load(open("hacs.json"))["homeassistant"])')" ;;
    newest) wanted=homeassistant ;;
    *) die "there is no Home Assistant '$1': say floor or newest" ;;
  esac
  local python="${VENV}/bin/python" headers="${CACHE}/debian-python/usr/include"
  [[ ! -d "${headers}" ]] || export CPATH="${headers}:${headers}/python3.14"
  VENV="${ROOT}/.venv-$1"
  say "making the environment of ${wanted}"
  uv venv --quiet --clear --python "$("${python}" -c 'import sys; print(sys._base_executable)')" "${VENV}"
  uv pip install --quiet --python "${VENV}/bin/python" "${wanted}"
  asks="${VENV}/asks.txt"
  "${VENV}/bin/python" scripts/testbed/hass_asks.py >"${asks}"
  uv pip install --quiet --python "${VENV}/bin/python" --editable . --group dev --override "${asks}"
  export PATH="${VENV}/bin:${PATH}" PYTEST_ADDOPTS="-p testbed.foreign_hass"
  say "$(python -c 'from importlib.metadata import version; print("Home Assistant", version("homeassistant"))')"
}

# test_under_hass PYTEST-ARGUMENTS...: the folders that need Home Assistant; coverage is the locked one's business.
test_under_hass() {
  local folder
  for folder in tests/*/; do
    folder="$(basename "${folder}")"
    ! { needs_hass "${folder}" && has_tests "${folder}"; } || part "${folder}" test_folder "${folder}" -q "$@"
  done
  [[ ${#failed[@]} -eq 0 ]] || die "failed: ${failed[*]}"
}

# shellcheck shell=bash
# How the folders of tests/ are run. Those that need no Home Assistant do not load it: they take seconds.

WITHOUT_HASS=(architecture engine firmware simulator stores testbed)
WORKERS="${TEST_WORKERS:-2}"

needs_hass() {
  local folder
  for folder in "${WITHOUT_HASS[@]}"; do
    [[ "${folder}" != "$1" ]] || return 1
  done
}

# test_folder FOLDER PYTEST-ARGUMENTS...: end-to-end tests share the machine's two cores with what they start.
test_folder() {
  local folder="$1" arguments=()
  shift
  needs_hass "${folder}" || arguments+=(-p no:homeassistant)
  [[ "${folder}" == e2e ]] || arguments+=(-n "${WORKERS}")
  python -m pytest "${arguments[@]}" "tests/${folder}" "$@"
}

# test_everything: the fast part first, both parts counted in one coverage report, the end-to-end tests last.
test_everything() {
  local plain=() full=() folder name
  for folder in tests/*/; do
    name="$(basename "${folder}")"
    [[ -n "$(find "${folder}" -name 'test_*.py' -print -quit)" && "${name}" != e2e ]] || continue
    if needs_hass "${name}"; then full+=("${folder}"); else plain+=("${folder}"); fi
  done
  rm -f .coverage .coverage.*
  say "tests without Home Assistant: ${plain[*]}"
  python -m pytest -q -n "${WORKERS}" -p no:homeassistant --cov --cov-report= "${plain[@]}"
  if [[ ${#full[@]} -gt 0 ]]; then
    say "tests with Home Assistant: ${full[*]}"
    python -m pytest -q -n "${WORKERS}" --cov --cov-append --cov-report= "${full[@]}"
  fi
  say "coverage"
  python -m coverage json -q -o coverage.json
  python -m testbed.coverage_floors coverage.json
  if [[ -n "$(find tests/e2e -name 'test_*.py' -print -quit)" ]]; then
    say "end-to-end tests"
    test_folder e2e -q
  fi
}

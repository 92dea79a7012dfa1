# shellcheck shell=bash
# How the folders of tests/ are run. Those that need no Home Assistant do not load it: they take seconds.

WITHOUT_HASS=(architecture benchmarks browser docs engine firmware fuzz iiotctl models publishing simulator stores testbed vectors)
WORKERS="${TEST_WORKERS:-2}"
# Without Home Assistant, too, much of the time is waiting: for brokers, and for benchmarks that wait until it is quiet.
PLAIN_WORKERS="${TEST_WORKERS:-4}"

needs_hass() {
  local folder
  for folder in "${WITHOUT_HASS[@]}"; do
    [[ "${folder}" != "$1" ]] || return 1
  done
}

has_tests() { [[ -n "$(find "tests/$1" -name 'test_*.py' -print -quit)" ]]; }

# is_apart FOLDER: whether its tests share what they start; they run last. End to end, a file runs in one process, with a
# house of its own; most of its time is waiting.
is_apart() { [[ "$1" == e2e || "$1" == browser ]]; }

# test_folder FOLDER PYTEST-ARGUMENTS...
test_folder() {
  local folder="$1" arguments=()
  shift
  needs_hass "${folder}" || arguments+=(-p no:homeassistant)
  if is_apart "${folder}"; then
    [[ "${folder}" != e2e ]] || arguments+=(-n "${WORKERS}" --dist loadfile)
  elif needs_hass "${folder}"; then
    arguments+=(-n "${WORKERS}")
  else
    arguments+=(-n "${PLAIN_WORKERS}" --dist worksteal)
  fi
  ensure_for "tests/${folder}"
  python -m pytest "${arguments[@]}" "tests/${folder}" "$@"
}

# ensure_for PATHS: what their tests start beyond what `scripts/setup` brings.
ensure_for() {
  [[ "$1" != *tests/e2e* ]] || ensure_stranger
  [[ "$1" != *tests/browser* ]] || ensure_chromium
  [[ "$1" != *tests/e2e* && "$1" != *tests/browser* ]] || ensure_mosquitto_pub
}

# test_paths PYTEST-ARGUMENTS...: files that were named one by one.
test_paths() {
  ensure_for "$*"
  python -m pytest "$@"
}

# part NAME COMMAND...: runs one part of the tests and remembers when it fails, so that the others are run, too.
failed=()
part() {
  local name="$1"
  shift
  say "${name}"
  "$@" || failed+=("${name}")
}

# test_everything: the fast part first, both parts counted in one coverage report, the others last.
test_everything() {
  local plain=() full=() folder name
  for folder in tests/*/; do
    name="$(basename "${folder}")"
    has_tests "${name}" && ! is_apart "${name}" || continue
    if needs_hass "${name}"; then full+=("${folder}"); else plain+=("${folder}"); fi
  done
  rm -f .coverage .coverage.*
  part "tests without Home Assistant" \
    python -m pytest -q -n "${PLAIN_WORKERS}" --dist worksteal -p no:homeassistant --cov --cov-report= "${plain[@]}"
  part "tests with Home Assistant" python -m pytest -q -n "${WORKERS}" --cov --cov-append --cov-report= "${full[@]}"
  part "coverage" coverage_floors
  part "end-to-end tests" test_folder e2e -q
  part "browser tests" test_folder browser -q
  [[ ${#failed[@]} -eq 0 ]] || die "failed: ${failed[*]}"
  say "all tests passed"
}

coverage_floors() {
  python -m coverage json -q -o coverage.json && python -m testbed.coverage_floors coverage.json
}

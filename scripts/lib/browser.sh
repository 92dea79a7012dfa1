# shellcheck shell=bash
# Chromium for the browser tests: the one that IIOT_CHROMIUM names, one on the path, or the distribution's: installed
# when root asks, unpacked below the cache folder otherwise.

CHROMIUM_PROGRAMS=(chromium chromium-browser google-chrome)

# ensure_chromium: exports IIOT_CHROMIUM, the path of a Chromium that starts.
ensure_chromium() {
  find_chromium && return
  say "fetching Chromium"
  if apt_is_usable; then
    if [[ "${EUID}" -eq 0 ]]; then install_chromium || true; else unpack_chromium || true; fi
    find_chromium && return
  fi
  die "Chromium is missing: install it (Debian: apt install chromium, Fedora: dnf install chromium, macOS: brew install chromium), or name one in IIOT_CHROMIUM"
}

find_chromium() {
  local program
  for program in ${IIOT_CHROMIUM:+"${IIOT_CHROMIUM}"} "${CHROMIUM_PROGRAMS[@]}"; do
    if has "${program}" && "${program}" --version >/dev/null 2>&1; then
      IIOT_CHROMIUM="$(command -v "${program}")"
      export IIOT_CHROMIUM
      return
    fi
  done
  return 1
}

install_chromium() {
  apt-get -qq update >&2 || say "the package lists could not all be renewed, going on"
  DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends install chromium >&2
}

# unpack_chromium: fonts come with Home Assistant's pages; fontconfig still wants its own settings.
unpack_chromium() {
  local state="${CACHE}/apt/chromium" root="${CACHE}/chromium" libraries
  rm -rf "${state}" "${root}"
  fetch_missing "${state}" chromium || return 1
  unpack_archives "${state}" "${root}"
  rm -rf "${state}"
  libraries="$(find "${root}/usr/lib" "${root}/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)"
  mkdir -p "${CACHE}/bin"
  {
    printf '#!/bin/sh\n'
    [[ -d /etc/fonts ]] || printf 'export FONTCONFIG_PATH="%s" FONTCONFIG_SYSROOT="%s"\n' "/etc/fonts" "${root}"
    printf 'LD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "${libraries}" "${root}/usr/lib/chromium/chromium"
  } >"${CACHE}/bin/chromium"
  chmod +x "${CACHE}/bin/chromium"
}

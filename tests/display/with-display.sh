#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# with-display.sh PROGRAM [ARGUMENT…]: runs it under an X server of its own, with folders of its own so that no library, setting or
# session of the person is touched.  Exit status 77 means skipped.
set -u

for tool in Xvfb xvfb-run; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "SKIP: $tool is not installed"
    exit 77
  fi
done

folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
mkdir -m 700 "$folder/run"
mkdir "$folder/home" "$folder/machines"

export HOME="$folder/home" XDG_RUNTIME_DIR="$folder/run"
export XDG_DATA_HOME="$folder/home/data" XDG_CONFIG_HOME="$folder/home/config" XDG_CACHE_HOME="$folder/home/cache"
export VIVARIUM_DATA_DIR="$folder/machines" GSETTINGS_BACKEND=memory GDK_BACKEND=x11 NO_AT_BRIDGE=1
unset WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS

xvfb-run -a -s "-screen 0 1280x900x24 -nolisten tcp" "$@"

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# assistant-keys.sh VIVARIUM: from an image to a machine by real key events alone.  Run by with-display.sh.
set -u

if ! command -v xdotool >/dev/null 2>&1; then
  echo "SKIP: xdotool is not installed"
  exit 77
fi

image="$HOME/tiny.img"
truncate -s 1440K "$image"
# No monitor is wanted here: the start that follows the creation fails, and says so.
VIVARIUM_VMM=/nonexistent "$1" --new "$image" &
application=$!
trap 'kill "$application" 2>/dev/null' EXIT

window=$(timeout 30 xdotool search --sync --onlyvisible --name 'Create a Machine' | head -n 1)
if [ -z "$window" ]; then
  echo "the assistant did not come up"
  exit 1
fi
# There is no window manager here to do it.
xdotool windowfocus --sync "$window"
sleep 1
xdotool key --clearmodifiers ctrl+a
xdotool type --delay 30 'Typed by keys'
xdotool key Return

for _ in $(seq 60); do
  if [ -f "$VIVARIUM_DATA_DIR/Typed by keys/machine.ini" ]; then
    grep -q "^path=$image$" "$VIVARIUM_DATA_DIR/Typed by keys/machine.ini" || exit 1
    echo "the machine is there"
    exit 0
  fi
  sleep 0.5
done
echo "no machine was created"
exit 1

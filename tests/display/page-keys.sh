#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# page-keys.sh VIVARIUM VIVCTL: the accelerators of a machine's page by real key events, from wherever the focus is.  Run by with-display.sh.
set -u

if ! command -v xdotool >/dev/null 2>&1; then
  echo "SKIP: xdotool is not installed"
  exit 77
fi

"$2" create --name Fern --cdrom "" >/dev/null || exit 1
"$1" --view Fern &
application=$!
trap 'kill "$application" 2>/dev/null' EXIT

# There is no window manager here to give a window the focus.
window=$(timeout 60 xdotool search --sync --onlyvisible --name '^Fern$' | head -n 1)
if [ -z "$window" ]; then
  echo "the window did not come up"
  exit 1
fi

# key KEYS TITLE: a window of this title comes up
key() {
  for _ in $(seq 60); do
    xdotool windowfocus --sync "$window" 2>/dev/null
    xdotool key --clearmodifiers "$1"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      if xdotool search --onlyvisible --name "$2" 2>/dev/null | grep -qvx "$window"; then
        echo "$1: there it is"
        return 0
      fi
      sleep 0.2
    done
  done
  echo "$1 did nothing"
  exit 1
}

key ctrl+i '^Fern$'
over=$(xdotool search --onlyvisible --name '^Fern$' | grep -vx "$window" | head -n 1)
xdotool windowfocus --sync "$over"
for _ in $(seq 60); do
  xdotool key --clearmodifiers Escape
  sleep 0.3
  xdotool search --onlyvisible --name '^Fern$' | grep -qvx "$window" || break
done
key alt+Return '^Settings of Fern$'

#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A page that man has nothing to say about, and that has something to say.   check-page.sh MAN PAGE
said=$(LC_ALL=C.UTF-8 "$1" --warnings -E UTF-8 -l -Tutf8 -Z "$2" 2>&1 >/dev/null)
[ -z "$said" ] || { echo "$said"; exit 1; }
for heading in NAME SYNOPSIS DESCRIPTION OPTIONS\\\|COMMANDS "SEE ALSO"; do
  grep -q "^\\.SH \\($heading\\)" "$2" || { echo "$2 has no $heading"; exit 1; }
done

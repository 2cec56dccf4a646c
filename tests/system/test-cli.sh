#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# vivctl from end to end, with a monitor that has no processor.  Arguments: vivctl, the fake monitor.
set -u
vivctl=$(realpath "$1")
VIVARIUM_VMM=$(realpath "$2")
export VIVARIUM_VMM
unset DISPLAY WAYLAND_DISPLAY
export LC_ALL=C.UTF-8 LANGUAGE=en
top=$(mktemp -d /tmp/viv-cli-XXXXXX)
export XDG_RUNTIME_DIR="$top" VIVARIUM_DATA_DIR="$top/machines"
trap '"$vivctl" stop --force M >/dev/null 2>&1; "$vivctl" stop --force R >/dev/null 2>&1; rm -rf "$top"' EXIT
n=0
failed=0

result() {
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}

# expect STATUS TITLE COMMAND…; the output is left in $top/out
expect() {
  wanted=$1 title=$2
  shift 2
  "$@" >"$top/out" 2>"$top/err"
  status=$?
  if [ $status != "$wanted" ]; then
    sed 's/^/# /' "$top/out" "$top/err"
    echo "# status $status, wanted $wanted"
  fi
  [ $status = "$wanted" ]
  result $? "$title"
}

# has TEXT TITLE: the last output has it
has() {
  grep -q -e "$1" "$top/out" "$top/err"
  found=$?
  [ $found = 0 ] || sed 's/^/# /' "$top/out" "$top/err"
  result $found "$2"
}

expect 0 "help" "$vivctl" --help
for command in create clone run list show set start stop reset sleep pause resume delete screenshot text wait type key pointer media device \
  serial console balloon vnc view log host; do
  expect 0 "$command --help" "$vivctl" $command --help
done
expect 2 "an unknown command" "$vivctl" frobnicate
expect 2 "an unknown option" "$vivctl" list --frobnicate
expect 2 "too few arguments" "$vivctl" start
expect 1 "an unknown machine" "$vivctl" start nobody
has "no machine" "says so"

expect 0 "create" "$vivctl" create --name M --memory 64M --cpus 2 --disk-size 10M --cdrom ""
[ "$(stat -c %s "$top/machines/M/disk0.img")" = 10485760 ]
result $? "the disk is there"
expect 0 "clone" "$vivctl" clone M
has "M 2" "proposes a name"
[ "$(stat -c %s "$top/machines/M 2/disk0.img")" = 10485760 ]
result $? "its disk is there"
expect 1 "clone onto a name" "$vivctl" clone M "M 2"
expect 1 "clone nothing" "$vivctl" clone nobody
expect 0 "delete the clone" "$vivctl" delete --purge "M 2"
expect 1 "create twice" "$vivctl" create --name M
expect 1 "a name that can't be" "$vivctl" create --name "a
b"
expect 1 "no processors" "$vivctl" create --name N --cpus 0
[ ! -e "$top/machines/N" ]
result $? "leave no machine"
for name in "C++" "Tom's PC" "R&D" "a,b" "Windows (test)" "🐧" "a/b" "机器"; do
  expect 0 "create $name" env LC_ALL=C "$vivctl" create --name "$name"
  expect 0 "show $name" env LC_ALL=C "$vivctl" show "$name"
  has "^name: $name\$" "has its name, in the C locale"
  expect 0 "list --json" env LC_ALL=C "$vivctl" list --json
  python3 -c 'import json, sys; sys.exit(not any(m["name"] == sys.argv[1] for m in json.load(open(sys.argv[2], "rb"))))' "$name" "$top/out"
  result $? "lists it"
  expect 0 "delete $name" env LC_ALL=C "$vivctl" delete "$name"
  expect 0 "undo $name" env LC_ALL=C "$vivctl" delete --undo "$name"
  expect 0 "purge $name" env LC_ALL=C "$vivctl" delete --purge "$name"
done
expect 0 "create win-2003" "$vivctl" create --name win-2003
expect 0 "delete it" "$vivctl" delete win-2003
expect 1 "undo of another" "$vivctl" delete --undo win
expect 0 "undo" "$vivctl" delete --undo win-2003
expect 0 "purge" "$vivctl" delete --purge win-2003

# What a monitor, its guest and its log say does not speak to the terminal.
plain() {
  python3 - "$@" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
try:
    while part := os.read(fd, 65536):
        seen += part
except OSError:
    pass
os.waitpid(pid, 0)
bad = [c for c in (b"\x1b", b"\x07", b"\x08", b"\xc2\x9b") if c in seen]
print("#", seen[-2000:], bad)
sys.exit(bool(bad) or b"owned" not in seen or len(seen) > 100000)
END
  result $? "plain on a terminal: $2"
}
expect 0 "create one that is rude" "$vivctl" create --name Rude --append rude --cdrom ""
expect 0 "start it" "$vivctl" start Rude
plain "$vivctl" show Rude
plain "$vivctl" log Rude
plain "$vivctl" text Rude
plain "$vivctl" wait Rude --serial never --timeout 1
plain "$vivctl" serial Rude --dump
plain "$vivctl" media Rude cdrom0 /nonexistent/owned
expect 0 "show --json" "$vivctl" show Rude --json
python3 -m json.tool <"$top/out" >/dev/null
result $? "it is JSON"
expect 0 "stop it" "$vivctl" stop --force Rude
expect 0 "delete it" "$vivctl" delete --purge Rude

# Devices, of a machine that is off and of one that runs.
touch "$top/a,b.img" "$top/c.iso"
here=$(pwd)
cd "$top" || exit 1
expect 0 "create with --device and --set" "$vivctl" create --name Dev --device disk,path=a,,b.img,readonly=on --device cdrom \
  --device serial,backend=none --set display0.video-memory=32 --os win98
expect 0 "device list" "$vivctl" device Dev list
has "^disk0 .*$top/a,b.img" "has the disk, with its comma"
has "^serial1 .*none" "has the port"
expect 0 "device list --json" "$vivctl" device Dev list --json
python3 -c 'import json, sys; d = {x["id"]: x for x in json.load(open(sys.argv[1]))}; sys.exit(d["disk0"]["keys"]["readonly"] != "true" or d["cdrom0"]["kind"] != "cdrom")' "$top/out"
result $? "says the same"
expect 0 "device add" "$vivctl" device Dev add floppy,path=
[ "$(cat "$top/out")" = floppy0 ]
result $? "prints its id"
expect 0 "device set" "$vivctl" device Dev set cdrom0.path=c.iso machine.cpus=2
expect 0 "show what was set" "$vivctl" show Dev cdrom0.path
has "^$top/c.iso$" "a path begins where it is typed"
expect 0 "show --json" "$vivctl" show Dev --json
python3 -c 'import json, sys; k = json.load(open(sys.argv[1]))["keys"]; o = {n: k[n]["origin"] for n in k}; sys.exit(o["machine.cpus"] != "set" or o["display0.video-memory"] != "set" or o["machine.engine"] != "default" or o["machine.clock"] != "profile" or k["machine.cpus"]["value"] != "2")' "$top/out"
result $? "has each key's value and origin"
expect 0 "device remove" "$vivctl" device Dev remove floppy0
expect 1 "device remove, again" "$vivctl" device Dev remove floppy0
has "has no floppy0" "says so"
expect 1 "device remove of a part" "$vivctl" device Dev remove display0
has "part of every machine" "says why"
expect 1 "balloon of a machine without one" "$vivctl" balloon Dev
has "add balloon" "says how it gets one"
expect 0 "device add balloon" "$vivctl" device Dev add balloon
expect 0 "balloon" "$vivctl" balloon Dev 256M
expect 0 "what it is to have" "$vivctl" balloon Dev
has "^256M$" "shows it"
expect 1 "balloon with what is no size" "$vivctl" balloon Dev lots
expect 0 "balloon all" "$vivctl" balloon Dev all
expect 0 "all of it" "$vivctl" show Dev balloon0.target
has "^0$" "is 0"
expect 0 "device remove balloon" "$vivctl" device Dev remove balloon0
expect 1 "device add of an unknown kind" "$vivctl" device Dev add dragon
has "the kinds are: net disk cdrom floppy serial rng balloon console usb" "says which there are"
expect 1 "device add with an unknown key" "$vivctl" device Dev add disk,pth=x
has "did you mean disk1.path" "says what was meant"
expect 1 "device set of an unknown key" "$vivctl" device Dev set machine.memroy=1G
has "did you mean machine.memory" "says what was meant"
expect 1 "device set without a value" "$vivctl" device Dev set machine.memory
expect 1 "device set of what can't be" "$vivctl" device Dev set machine.memory=lots
expect 2 "device without a verb" "$vivctl" device Dev
expect 2 "device with another verb" "$vivctl" device Dev frobnicate
expect 1 "create with a bad --set" "$vivctl" create --name Bad --set machine.cpus=0
expect 1 "create with a bad --device" "$vivctl" create --name Bad --device machine
[ ! -e "$top/machines/Bad" ]
result $? "leave no machine"
expect 0 "start" "$vivctl" start Dev
expect 0 "device set, live" "$vivctl" device Dev set cdrom0.path=
! grep -q "next start" "$top/err"
result $? "is done at once"
expect 0 "device list, live" "$vivctl" device Dev list
! grep -q c.iso "$top/out"
result $? "shows the empty drive"
expect 0 "device set, for later" "$vivctl" device Dev set machine.memory=64M
has "next start" "says so"
expect 0 "device add, for later" "$vivctl" device Dev add cdrom,path=c.iso
has "next start" "says so"
has "^cdrom1$" "prints its id"
expect 0 "device remove, for later" "$vivctl" device Dev remove cdrom1
has "next start" "says so"
expect 0 "stop" "$vivctl" stop --force Dev
expect 0 "delete" "$vivctl" delete --purge Dev
cd "$here" || exit 1

# Paths are bytes.
odd=$(printf '%s/odd\377 100%%.iso' "$top")
printf 'x' >"$odd"
expect 0 "create with a path that is not UTF-8" env LC_ALL=C "$vivctl" create --name Odd --cdrom "$odd"
expect 0 "show --json" "$vivctl" show Odd --json
python3 -c 'import json, sys; s = json.load(open(sys.argv[1], "rb")); sys.exit(not s["settings"]["cdrom0.path"].endswith("/odd%FF%20100%25.iso"))' "$top/out"
result $? "has the path, escaped"
expect 0 "start" "$vivctl" start Odd
expect 0 "media" "$vivctl" media Odd
grep -a -q -F "$odd" "$top/out"
result $? "lists its bytes"
expect 0 "insert it again" "$vivctl" media Odd cdrom0 "$odd"
expect 0 "stop" "$vivctl" stop --force Odd
mv "$top/machines/Odd" "$(printf '%s/machines/\377odd' "$top")"
expect 0 "list --json of a folder that is not UTF-8" "$vivctl" list --json
python3 -c 'import json, os, sys; sys.exit(not any(os.fsencode(m["folder"]).endswith(b"/\xffodd") for m in json.load(open(sys.argv[1], "rb"))))' "$top/out"
result $? "loses nothing of it"
expect 0 "start there" "$vivctl" start Odd
expect 0 "stop there" "$vivctl" stop --force Odd
expect 0 "delete" "$vivctl" delete --purge Odd
expect 1 "an image that isn't there" "$vivctl" create --name N --cdrom /nonexistent.iso
expect 1 "memory that can't be" "$vivctl" create --name N --memory 0
expect 0 "list" "$vivctl" list
has "^off .*M$" "shows it"
expect 0 "list --json" "$vivctl" list --json
has '"name": "M"' "shows it"
python3 -m json.tool <"$top/out" >/dev/null
result $? "it is JSON"
expect 0 "set" "$vivctl" set M machine.memory=128M floppy0.path=
expect 0 "show a key" "$vivctl" show M machine.memory
has "^128M$" "is what was set"
expect 1 "set a bad value" "$vivctl" set M machine.memory=x
expect 1 "set an unknown key" "$vivctl" set M machine.nothing=x
expect 0 "take a drive out" "$vivctl" set M floppy0=
expect 1 "it is gone" "$vivctl" show M floppy0.path
expect 0 "rename" "$vivctl" set M machine.name=M2
expect 0 "and back" "$vivctl" set M2 machine.name=M

expect 1 "text of a machine that is off" "$vivctl" text M
has "doesn't run" "says so"
expect 0 "start" "$vivctl" start M
expect 1 "start twice" "$vivctl" start M
expect 2 "--autostart and a name" "$vivctl" start --autostart M
expect 0 "a machine that starts at login" "$vivctl" create --name Auto --memory 32M --set machine.autostart=true
expect 0 "one that doesn't" "$vivctl" create --name Manual --memory 32M
expect 0 "start --autostart" "$vivctl" start --autostart
expect 0 "is seen in the list" "$vivctl" list
grep -q "^running .*  Auto$" "$top/out" && grep -q "^off .*  Manual$" "$top/out"
result $? "one runs and the other doesn't"
expect 0 "start --autostart again leaves it" "$vivctl" start --autostart
expect 0 "of the one that started" "$vivctl" stop --force Auto
expect 0 "it will fail" "$vivctl" set Auto machine.append=fail
expect 1 "one that can't start" "$vivctl" start --autostart
has "Auto" "is named"
expect 0 "delete it" "$vivctl" delete --purge Auto
expect 0 "and the other" "$vivctl" delete --purge Manual
expect 0 "list while it runs" "$vivctl" list
has "^running" "shows that"
expect 0 "text" "$vivctl" text M
has "^fake machine" "prints the screen"
expect 0 "wait --text" "$vivctl" wait M --text 'ready>$' --timeout 5
expect 1 "wait in vain" "$vivctl" wait M --text 'never' --timeout 0.3
has "^fake machine" "prints the last screen"
expect 2 "a bad pattern" "$vivctl" wait M --text '('
expect 0 "wait --serial" "$vivctl" wait M --serial '^login:' --timeout 5
expect 0 "serial --send" "$vivctl" serial M --send 'abc\n'
expect 0 "wait for the echo" "$vivctl" wait M --serial '^ABC' --timeout 5
expect 0 "key" "$vivctl" key M ctrl-alt-delete f10 ret
expect 0 "the keys arrive" "$vivctl" wait M --text '^keys 5$' --timeout 5
expect 2 "a key that isn't" "$vivctl" key M nokey
expect 0 "type" "$vivctl" type M 'ab\n'
expect 0 "what was typed arrives" "$vivctl" wait M --text '^keys 8$' --timeout 5
expect 0 "pointer" "$vivctl" pointer M move 63 31 click left wheel -1
expect 0 "pointer --relative" "$vivctl" pointer --relative M move -5 3
expect 0 "the moves arrive" "$vivctl" wait M --serial '^event 3 0 0 32767 32767$' --timeout 5
expect 0 "the mouse, too" "$vivctl" wait M --serial '^event 2 0 0 -5 3$' --timeout 5
expect 2 "an action that isn't" "$vivctl" pointer M jump
expect 0 "serial --dump" "$vivctl" serial M --dump
has "^login:" "has the history"
expect 0 "screenshot" "$vivctl" screenshot M "$top/shot.png"
head -c 4 "$top/shot.png" | grep -q PNG
result $? "is a PNG"
mkfifo "$top/fifo"
cat "$top/fifo" >"$top/through" &
reader=$!
expect 0 "screenshot to a FIFO" "$vivctl" screenshot M "$top/fifo"
wait $reader
head -c 4 "$top/through" | grep -q PNG
result $? "comes through"
[ -p "$top/fifo" ]
result $? "which is one still"
ln -s far.png "$top/link.png"
expect 0 "screenshot to a link" "$vivctl" screenshot M "$top/link.png"
[ -L "$top/link.png" ] && head -c 4 "$top/far.png" | grep -q PNG
result $? "writes its target"
expect 1 "save to a full disk" "$vivctl" save M /dev/full
expect 0 "leaves it running" "$vivctl" wait M --state running --timeout 5
[ -c /dev/full ]
result $? "and the device a device"
expect 0 "media" "$vivctl" media M
has "^cdrom0 .*(empty)" "lists the drives"
expect 0 "insert" "$vivctl" media M cdrom0 "$top/shot.png"
expect 1 "insert what isn't there" "$vivctl" media M cdrom0 /nonexistent
expect 0 "eject" "$vivctl" media M cdrom0 ""
expect 0 "a machine that holds its disc" "$vivctl" create --name Holds --cdrom "$top/shot.png" --set machine.append=locked
expect 0 "start it" "$vivctl" start Holds
expect 1 "its tray is locked" "$vivctl" media Holds cdrom0 ""
has "locked" "says so"
has "--force" "and how it opens"
expect 0 "by force" "$vivctl" media --force Holds cdrom0 ""
expect 0 "it is out" "$vivctl" media Holds
has "(empty)" "and says so"
expect 0 "stop it" "$vivctl" stop --force Holds
expect 0 "delete it" "$vivctl" delete --purge Holds
expect 0 "in another language, from the build folder" env LANGUAGE=de "$vivctl" list --help
has "Als JSON" "it is spoken"
expect 1 "vnc show" "$vivctl" vnc M show
expect 0 "vnc on" "$vivctl" vnc M on
has "^127.0.0.1:" "says where"
expect 0 "vnc show" "$vivctl" vnc M show
expect 0 "vnc off" "$vivctl" vnc M off
expect 0 "pause" "$vivctl" pause M
expect 0 "wait --state" "$vivctl" wait M --state paused --timeout 5
expect 0 "resume" "$vivctl" resume M
expect 0 "reset" "$vivctl" reset M
expect 1 "sleep, without a button" "$vivctl" sleep M
has "no such button" "says why"
expect 0 "show" "$vivctl" show M
has "memory-resident" "has the statistics"
expect 0 "show --json" "$vivctl" show M --json
python3 -m json.tool <"$top/out" >/dev/null
result $? "it is JSON"
expect 1 "delete while it runs" "$vivctl" delete M
expect 0 "stop" "$vivctl" stop M
expect 0 "it is off" "$vivctl" wait M --state off --timeout 1
expect 0 "log" "$vivctl" log M
has "fake monitor" "prints the log"
# A monitor that hangs.
expect 0 "start" "$vivctl" start M
expect 0 "create another" "$vivctl" create --name Other
"$vivctl" show M >"$top/out"
pid=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])' <<E
$("$vivctl" show M --json)
E
)
# The broker is who others know; the monitor is its child.
kill -STOP $(cat "/proc/$pid/task/$pid/children")
expect 0 "list beside one that hangs" timeout 60 "$vivctl" list
has "^unresponsive .* M\$" "says which"
has "^off .* Other\$" "shows the others"
expect 0 "show one that hangs" timeout 60 "$vivctl" show M
has "does not answer" "says so"
expect 1 "text of one that hangs" timeout 60 "$vivctl" text M
has "“M” does not answer" "names it"
has "stop --force" "says the way out"
expect 1 "delete one that hangs" timeout 60 "$vivctl" delete --purge M
[ -e "$top/machines/M/machine.ini" ]
result $? "leaves its files"
expect 1 "start one that hangs" timeout 60 "$vivctl" start M
expect 1 "stop one that hangs" timeout 60 "$vivctl" stop M
expect 0 "stop one that hangs by force" timeout 60 "$vivctl" stop --force M
expect 0 "it is off" "$vivctl" wait M --state off --timeout 5
expect 0 "delete" "$vivctl" delete --purge Other

# What a guest, or a monitor, says is not for the terminal.
printf 'a \033]0;x\007\033[31m b\n' >>"$top/machines/M/vmm.log"
expect 0 "log" "$vivctl" log M
! grep -q "$(printf '\033')" "$top/out"
result $? "has no control characters"
expect 0 "delete" "$vivctl" delete M
expect 1 "it is gone" "$vivctl" show M
expect 0 "delete --undo" "$vivctl" delete --undo M
expect 0 "it is back" "$vivctl" show M
expect 0 "delete --purge" "$vivctl" delete --purge M


"$vivctl" run --headless --name R --append "a b" --kernel "$vivctl" >"$top/run.out" 2>"$top/run.err" &
run=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
  "$vivctl" text R >/dev/null 2>&1 && break
  sleep 0.3
done
expect 0 "run: reached by its name" "$vivctl" text R
expect 1 "run: no second of that name" "$vivctl" run --headless --name R
kill -INT $run
wait $run
result $? "run: Ctrl-C ends it"
[ ! -e "$top/vivarium/run/R" ]
result $? "run: nothing is left"
"$vivctl" run --headless --name R --serial stdio </dev/null >"$top/run.out" 2>"$top/run.err" &
run=$!
sleep 1
expect 0 "run: stop from elsewhere" "$vivctl" stop R
wait $run
result $? "run: ends with the machine"
grep -q login: "$top/run.out"
result $? "run --serial stdio prints the line"

# A throw-away machine ends with its owner, however that ends.
gone() { # NAME: within 20 s
  for i in $(seq 100); do
    "$vivctl" list 2>/dev/null | grep -q "^off .*$1\$\|^crashed .*$1\$" && return 0
    "$vivctl" list | grep -q "$1\$" || return 0
    sleep 0.2
  done
  return 1
}
"$vivctl" run --headless --name K >"$top/run.out" 2>"$top/run.err" &
run=$!
expect 0 "wait for one that is being made" "$vivctl" wait K --text 'ready>$' --timeout 30
kill -KILL $run
wait $run 2>/dev/null
gone K
result $? "run: its machine ends with it when it is killed"
for delay in 0.02 0.05 0.1 0.2 0.4; do
  "$vivctl" run --headless --name T >"$top/run.out" 2>"$top/run.err" &
  run=$!
  sleep $delay
  kill -TERM $run
  wait $run
  gone T
  result $? "run: ended after $delay s it leaves no machine"
done
expect 0 "run --detach" "$vivctl" run --detach --headless --name D
has "^D\$" "prints its name"
expect 0 "it runs" "$vivctl" wait D --state running --timeout 10
expect 0 "wait for its serial line" "$vivctl" wait D --serial '^login:' --timeout 10
expect 0 "stop it" "$vivctl" stop D
gone D
result $? "it is gone"
[ ! -e "$top/vivarium/run/D" ]
result $? "and its folder"
expect 0 "run with a name by --set" "$vivctl" run --detach --headless --name D --set machine.name=Other
expect 0 "has it" "$vivctl" show Other machine.name
has "^Other\$" "and says so"
expect 0 "stop that" "$vivctl" stop --force Other
gone Other
both=0
for try in 1 2 3 4 5 6 7 8; do
  "$vivctl" run --detach --headless --name D >/dev/null 2>"$top/first.err" &
  first=$!
  "$vivctl" run --detach --headless --name D >/dev/null 2>"$top/second.err" &
  second=$!
  wait $first
  one=$?
  wait $second
  two=$?
  [ $one = $two ] || ! cat "$top/first.err" "$top/second.err" | grep -q "“D” runs already" || both=$((both + 1))
  "$vivctl" stop --force D >/dev/null 2>&1
  gone D || true
done
[ $both = 8 ]
result $? "of two that run at once under one name one does, and the other hears why"
expect 1 "run --detach that fails" "$vivctl" run --detach --headless --name F --append fail --kernel "$vivctl"
has "firmware is missing" "says why"
expect 2 "run --detach --serial" "$vivctl" run --detach --headless --serial stdio
expect 1 "wait for what never comes" "$vivctl" wait nobody --state running --timeout 0.5
echo "1..$n"
exit $failed

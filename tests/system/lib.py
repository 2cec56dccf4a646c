# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guest and system tests share: TAP, a library of machines in a temporary folder, vivctl, pictures.

Nothing of the user's is touched: VIVARIUM_DATA_DIR, XDG_* and HOME point into the temporary folder.  Programs are ended by the
process ids that the tests started or that vivctl tells of machines in this folder.
"""
import contextlib
import functools
import glob
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

SRC = os.environ.get("VIVARIUM_SRCDIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("VIVARIUM_BUILDDIR") or os.path.join(SRC, "build")
VIVCTL = os.path.join(BUILD, "src/cli/vivctl")
VMM = os.environ.get("VIVARIUM_VMM") or os.path.join(BUILD, "src/vmm/vivarium-vmm")
APPLICATION = os.path.join(BUILD, "src/ui/vivarium")
WELCOME = os.path.join(BUILD, "tests/guest/welcome/welcome.img")
SLOW = os.environ.get("VIVARIUM_TEST_SLOW", "") not in ("", "0")
# Waits are long enough for a KVM that interprets (about a million instructions a second) on a busy host.
PATIENCE = float(os.environ.get("VIVARIUM_TEST_PATIENCE", "3"))
# What meson gives to the whole program (VIVARIUM_TEST_MULTIPLIER: meson's --timeout-multiplier), less the time to clean up.  So it is
# never meson that ends a program, and a wait that came to nothing is told with its reason.
MULTIPLIER = float(os.environ.get("VIVARIUM_TEST_MULTIPLIER", "1"))
LIMIT = float(os.environ.get("VIVARIUM_TEST_LIMIT", "inf")) * MULTIPLIER - 90
STARTED = time.monotonic()


class Failure(Exception):
    pass


class Skip(Exception):
    pass


class TooSlow(Skip):
    """The program's time is used up, and a KVM that interprets is still at work: neither good nor bad, and nothing more can be tried."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(found, wanted, text):
    if found != wanted:
        raise Failure("%s: %r, not %r" % (text, found, wanted))


class Wait:
    """How long a wait for something may last.

    Without `effort`: so many seconds.  `effort` is there where a KVM interprets the guest: nothing that such a KVM has to do has a time
    in which a loaded host must have done it.  So a wait then lasts for as long as the guest goes on, and at the end of the program's time
    it is given up as too slow.  It fails if the guest stands still, leaving its processor no more and using none of the host's (an
    interrupt was lost), or if it is for an `answer` (to a key, say) and the guest has left its processor three times as often since then
    as in all its life before.  After `stall` seconds in which the guest never left its processor it is skipped: such a KVM can be caught
    for ever in an instruction that it doesn't know."""

    def __init__(self, timeout, text, effort=None, stall=None, answer=False, clock=time.monotonic, started=None, limit=None,
                 interpreted=None):
        self.timeout, self.text, self.effort, self.stall, self.answer, self.clock = timeout, text, effort, stall, answer, clock
        self.interpreted = interpreting() if interpreted is None else interpreted
        self.start = self.looked = self.moved = clock()
        self.last_call = (STARTED if started is None else started) + (LIMIT if limit is None else limit)
        self.first = self.then = effort() if effort else None

    def go_on(self):
        """Raises once it has lasted too long."""
        now = self.clock()
        lasted = now - self.start
        if self.effort is None:
            if lasted > self.timeout:
                raise Failure("not within %.0f s: %s" % (lasted, self.text))
            if now > self.last_call and self.interpreted:
                raise TooSlow("this KVM interprets guests, and the program's time was up after %.0f s: %s" % (lasted, self.text))
            if now > self.last_call:
                raise Failure("not within %.0f s, when the program's time was up: %s" % (lasted, self.text))
            return
        if now < min(self.looked + 10, self.last_call):
            return
        self.looked = now
        exits, seconds = self.effort()
        if exits != self.then[0]:
            self.moved, self.then = now, (exits, seconds)
        still = now - self.moved
        idle = still >= 20 and seconds - self.then[1] < still / 20
        if now > self.last_call and not idle:
            raise TooSlow("this KVM interprets the guest, which was still at work after %.0f s: %s" % (lasted, self.text))
        if now > self.last_call or (lasted > self.timeout and idle and still >= 60):
            raise Failure("not within %.0f s, and the guest stands still: %s" % (lasted, self.text))
        if self.stall and still >= self.stall:
            raise Skip("this KVM interprets the guest and has not come out of it for %.0f s: %s" % (still, self.text))
        if lasted > self.timeout and self.answer and exits - self.first[0] > 3 * self.first[0] > 0:
            raise Failure("not within %.0f s, nor %d exits of the guest: %s" % (lasted, exits - self.first[0], self.text))


def until(condition, timeout, text, step=0.1, **how):
    """The condition's first true value.  `how`: as for Wait."""
    wait = Wait(timeout * PATIENCE, text, **how)
    while True:
        value = condition()
        if value:
            return value
        wait.go_on()
        time.sleep(step)


# -- TAP ---------------------------------------------------------------------------------------------


class Tap:
    """Points of one program.  `with tap.point("name"):` prints ok, not ok with the reason, or a skip."""

    def __init__(self):
        self.n = 0
        self.failed = 0

    def diag(self, text):
        for line in str(text).splitlines():
            print("# " + line, flush=True)

    @contextlib.contextmanager
    def point(self, name):
        start = time.monotonic()
        try:
            yield
        except Skip as skip:
            self.n += 1
            print("ok %d - %s # SKIP %s" % (self.n, name, skip), flush=True)
            if isinstance(skip, TooSlow):
                self.diag("what would have come after it was not tried")
                self.done()
            return
        except Exception as error:  # pylint: disable=broad-except
            self.n += 1
            self.failed += 1
            print("not ok %d - %s: %s" % (self.n, name, " ".join(str(error).split("\n")[:1])), flush=True)
            self.diag(error if isinstance(error, Failure) else traceback.format_exc())
            for machine in Machine.living:
                self.diag(machine.describe())
            return
        # Numbered here: points may stand inside of points.
        self.n += 1
        print("ok %d - %s (%.1f s)" % (self.n, name, time.monotonic() - start), flush=True)

    def done(self):
        print("1..%d" % self.n, flush=True)
        sys.exit(1 if self.failed else 0)


def skip_all(reason):
    # TAP says it; an exit status of its own would count as an error.
    print("1..0 # SKIP " + reason, flush=True)
    sys.exit(0)


def need_programs(*names):
    for name in names:
        if shutil.which(name) is None:
            skip_all("the program %s is not installed" % name)


# -- Engines -----------------------------------------------------------------------------------------


def probe():
    result = subprocess.run([VMM, "--probe", "--json"], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(result.stdout)


def engine_argument():
    """The engine that a test was asked to use, where this host has it."""
    engine = sys.argv[1] if len(sys.argv) > 1 else "kvm"
    if not os.access(VMM, os.X_OK):
        skip_all("%s is not built" % VMM)
    if engine == "kvm":
        found = probe()
        if not found["usable"]:
            skip_all("no KVM here: " + found["detail"])
    return engine


@functools.lru_cache(maxsize=None)
def kvm_interprets():
    """A KVM that emulates ring 0: slow, and several instructions end in an internal error."""
    return not probe()["fast"]


def interpreting():
    """Whether this program tests such a KVM."""
    return sys.argv[1:2] == ["kvm"] and kvm_interprets()


# -- Processes ---------------------------------------------------------------------------------------

processes = []


def spawn(arguments, **options):
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, **options)
    processes.append(process)
    return process


def end(process, timeout=5):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] != b"Z"
    except OSError:
        return False


# -- A library of machines ---------------------------------------------------------------------------


class Room:
    """A temporary home.  Use it as a context: its machines and programs end with it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="viv-test-")
        self.env = dict(os.environ)
        for name, folder in (("HOME", "home"), ("VIVARIUM_DATA_DIR", "machines"), ("XDG_RUNTIME_DIR", "run"),
                             ("XDG_DATA_HOME", "share"), ("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache"),
                             ("XDG_STATE_HOME", "state")):
            path = os.path.join(self.dir, folder)
            os.mkdir(path, 0o700)
            self.env[name] = path
        self.env["LC_ALL"] = "C.UTF-8"
        self.env["LANGUAGE"] = "en"
        self.env["VIVARIUM_VMM"] = VMM
        for name in ("WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
            self.env.pop(name, None)

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
        return self

    def __exit__(self, *exception):
        self.close()

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def vivctl(self, *arguments, timeout=60, ok=True):
        result = subprocess.run([VIVCTL] + [str(a) for a in arguments], env=self.env, capture_output=True, text=True,
                                timeout=timeout * PATIENCE + 10, errors="replace", stdin=subprocess.DEVNULL)
        if ok and result.returncode != 0:
            raise Failure("vivctl %s: status %d\n%s%s" % (" ".join(str(a) for a in arguments), result.returncode,
                                                          result.stdout, result.stderr))
        return result

    def list(self):
        return json.loads(self.vivctl("list", "--json").stdout)

    def machine(self, name, *options, engine="kvm", memory="32M"):
        self.vivctl("create", "--name", name, "--engine", engine, "--memory", memory, *options)
        return Machine(self, name, engine == "kvm" and kvm_interprets())

    def close(self):
        pids = []
        with contextlib.suppress(Exception):
            for machine in self.list():
                if machine["pid"]:
                    pids.append(machine["pid"])
                    self.vivctl("stop", "--force", machine["name"], ok=False, timeout=10)
        end_at = time.monotonic() + 5
        while any(alive(pid) for pid in pids) and time.monotonic() < end_at:
            time.sleep(0.1)
        for pid in pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        for process in reversed(processes):
            end(process)
        Machine.living.clear()
        trapped = self.trapped()
        shutil.rmtree(self.dir, ignore_errors=True)
        if trapped:
            raise Failure("the sandbox refused calls:\n" + trapped)

    def trapped(self):
        """What logs say of system calls that VIVARIUM_SANDBOX=trap caught: a process for VNC that ended so is begun anew, and nobody sees it."""
        found = []
        for path in glob.glob(self.path("**", "*.log*"), recursive=True):
            with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
                for i, line in enumerate(lines):
                    if "which is not on the list" in line:
                        found += ["%s:" % os.path.relpath(path, self.dir)] + lines[i:i + 24]
        return "\n".join(found)


class Machine:
    living = []

    def __init__(self, room, name, interpreted=False):
        self.room = room
        self.name = name
        self.interpreted = interpreted  # by the kernel's KVM: see Wait
        Machine.living.append(self)

    def vivctl(self, command, *arguments, **options):
        return self.room.vivctl(command, self.name, *arguments, **options)

    def start(self, *options):
        self.vivctl("start", *options)

    def show(self):
        return json.loads(self.vivctl("show", "--json").stdout)

    @property
    def state(self):
        return self.show()["state"]

    @property
    def pid(self):
        return self.show()["pid"]

    @property
    def folder(self):
        return self.room.path("machines", self.name)

    def effort(self):
        """How often the guest has left its processors, and the seconds of processor time that the monitor has used."""
        numbers = self.show().get("statistics", {})
        return numbers.get("processor-exits", 0), numbers.get("cpu-time-ns", 0) / 1e9

    def until(self, condition, timeout, text, step=0.1, stall=None):
        """Waits for something that the guest must do.  Of a minute or less: its answer to something."""
        if not self.interpreted:
            return until(condition, timeout, text, step)
        return until(condition, timeout, text, step, effort=self.effort, stall=stall, answer=timeout <= 60)

    def wait(self, timeout=60, **what):
        (kind, value), = what.items()
        if not self.interpreted:
            seconds = max(1, min(timeout * PATIENCE, STARTED + LIMIT - time.monotonic()))
            self.vivctl("wait", "--" + kind, value, "--timeout", str(int(seconds)), timeout=timeout)
            return

        def look():
            result = self.vivctl("wait", "--" + kind, value, "--timeout", "10", ok=False)
            check(result.returncode == 0 or "in vain" in result.stderr, result.stderr)
            return result.returncode == 0
        self.until(look, timeout, "%s “%s”" % (kind, value))

    def wait_serial(self, pattern, timeout=60, since=0, stall=None):
        """Until the serial output after `since` characters has the pattern; the match and the output's length."""
        def look():
            text = self.serial()
            match = re.search(pattern, text[since:], re.M)
            return (match, since + match.end()) if match else None
        try:
            return self.until(look, timeout, "“%s” on the serial line" % pattern, 0.3 if timeout < 200 else 2, stall)
        except Failure as failure:
            raise Failure("%s\nThe line has: %r\nThe state is %s" % (failure, self.serial()[since:][-2000:], self.state)) from None

    def wait_state(self, state, timeout=30):
        self.until(lambda: self.state == state, timeout, "state %s of %s" % (state, self.name))

    def serial(self):
        return self.vivctl("serial", "--dump").stdout

    def text(self):
        return self.vivctl("text").stdout

    def key(self, *chords, ends=False):
        """`ends`: the guest may be off before the key is up again, and then nobody answers."""
        self.vivctl("key", *chords, ok=not ends)

    def type(self, text):
        self.vivctl("type", text)

    def pointer(self, *actions, relative=False):
        self.room.vivctl("pointer", *(["--relative"] if relative else []), self.name, *actions)

    def screenshot(self):
        path = self.room.path("shot-%s.png" % self.name)
        self.vivctl("screenshot", path)
        with open(path, "rb") as file:
            return Picture.from_png(file.read())

    def stop(self):
        self.vivctl("stop", "--force", ok=False)
        self.wait_state("off")

    def describe(self):
        with contextlib.suppress(Exception):
            state = self.show()
            return "machine %s: %s %s\n%s" % (self.name, state["state"], state["state-reason"],
                                              self.vivctl("log", ok=False).stdout[-2000:])
        return "machine %s: no answer" % self.name


# -- Pictures ----------------------------------------------------------------------------------------


class Picture:
    """8-bit RGB rows."""

    def __init__(self, width, height, data):
        self.width, self.height, self.data = width, height, data
        check(len(data) == width * height * 3, "a picture with %d bytes" % len(data))

    def pixel(self, x, y):
        at = (y * self.width + x) * 3
        return tuple(self.data[at:at + 3])

    def row(self, y, x=0, width=None):
        width = self.width - x if width is None else width
        at = (y * self.width + x) * 3
        return self.data[at:at + width * 3]

    def crop(self, x, y, width, height):
        return Picture(width, height, b"".join(self.row(r, x, width) for r in range(y, y + height)))

    def find(self, other):
        """Where a smaller picture is in this one, exactly; None if it isn't."""
        # The row of the smaller one with most colours finds candidates fast.
        best = max(range(other.height), key=lambda y: len(set(zip(*[iter(other.row(y))] * 3))))
        needle = other.row(best)
        stride = self.width * 3
        at = self.data.find(needle)
        while at >= 0:
            y, x = at // stride - best, at % stride // 3
            if (at % 3 == 0 and 0 <= y <= self.height - other.height and x + other.width <= self.width
                    and all(self.row(y + r, x, other.width) == other.row(r) for r in range(other.height))):
                return x, y
            at = self.data.find(needle, at + 1)
        return None

    def box_of(self, wanted, tolerance=8):
        """The rectangle (x, y, width, height) round the largest run of rows that have a colour; None without."""
        rows = []
        for y in range(self.height):
            row = self.row(y)
            xs = [x for x in range(self.width)
                  if all(abs(row[x * 3 + c] - wanted[c]) <= tolerance for c in range(3))]
            if len(xs) >= 24:
                rows.append((y, min(xs), max(xs)))
        groups, group = [], []
        for entry in rows:
            if group and entry[0] != group[-1][0] + 1:
                groups.append(group)
                group = []
            group.append(entry)
        if group:
            groups.append(group)
        groups = [g for g in groups if len(g) >= 12]
        if not groups:
            return None
        group = max(groups, key=len)
        left, right = min(g[1] for g in group), max(g[2] for g in group)
        return left, group[0][0], right - left + 1, len(group)

    @staticmethod
    def from_ppm(data):
        match = re.match(rb"P6\s+(?:#.*\s+)*(\d+)\s+(\d+)\s+(\d+)\s", data)
        check(match and match[3] == b"255", "this is no 8-bit PPM")
        return Picture(int(match[1]), int(match[2]), data[match.end():])

    @staticmethod
    def from_png(data):
        check(data[:8] == b"\x89PNG\r\n\x1a\n", "this is no PNG")
        at, packed = 8, b""
        while at < len(data):
            size, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + size]
            check(zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0], "PNG checksum")
            if kind == b"IHDR":
                width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
            elif kind == b"IDAT":
                packed += body
            at += 12 + size
        check(depth == 8 and colour in (2, 6) and interlace == 0, "PNG of type %d, depth %d" % (colour, depth))
        n = 3 if colour == 2 else 4
        raw, stride = zlib.decompress(packed), width * n
        check(len(raw) == (stride + 1) * height, "PNG data size")
        rows, before = [], bytearray(stride)
        for y in range(height):
            kind = raw[y * (stride + 1)]
            row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
            if kind == 1:
                for i in range(n, stride):
                    row[i] = (row[i] + row[i - n]) & 255
            elif kind == 2:
                row = bytearray((a + b) & 255 for a, b in zip(row, before))
            elif kind == 3:
                for i in range(stride):
                    row[i] = (row[i] + ((row[i - n] if i >= n else 0) + before[i]) // 2) & 255
            elif kind == 4:
                for i in range(stride):
                    a, b, c = row[i - n] if i >= n else 0, before[i], before[i - n] if i >= n else 0
                    p = a + b - c
                    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
                    row[i] = (row[i] + (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255
            rows.append(bytes(row))
            before = row
        data = b"".join(rows)
        if n == 4:
            out = bytearray(width * height * 3)
            for c in range(3):
                out[c::3] = data[c::4]
            data = bytes(out)
        return Picture(width, height, data)


# -- Media -------------------------------------------------------------------------------------------


def run(arguments, **options):
    result = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, errors="replace", timeout=300, **options)
    if result.returncode != 0:
        raise Failure("%s: status %d\n%s%s" % (arguments[0], result.returncode, result.stdout, result.stderr))
    return result.stdout


def welcome_disk(path, size=16 << 20):
    shutil.copy(WELCOME, path)
    os.truncate(path, size)
    return path


def welcome_cd(room):
    """El Torito without emulation: the firmware loads the whole of the welcome machine."""
    tree = room.path("cd")
    os.makedirs(tree, exist_ok=True)
    with open(WELCOME, "rb") as source, open(os.path.join(tree, "boot.img"), "wb") as target:
        target.write(source.read(32768))
    path = room.path("welcome.iso")
    run(["xorriso", "-as", "mkisofs", "-quiet", "-V", "WELCOME", "-b", "boot.img", "-no-emul-boot", "-boot-load-size", "64", "-c", "boot.cat",
         "-o", path, tree])
    return path


GRUB_MENU = """set timeout=-1
set pager=0
menuentry "Vivarium first entry" { echo "The first entry was chosen"; sleep 1000 }
menuentry "Vivarium second entry" { echo "The second entry was chosen"; sleep 1000 }
menuentry "Vivarium third entry" { echo "The third entry was chosen"; sleep 1000 }
"""


def grub_iso(room):
    tree = room.path("grub")
    os.makedirs(os.path.join(tree, "boot/grub"), exist_ok=True)
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="ascii") as file:
        file.write(GRUB_MENU)
    path = room.path("grub-menu.iso")
    run(["grub-mkrescue", "-o", path, "-d", "/usr/lib/grub/i386-pc", "--locales=", "--fonts=", "--themes=",
         "--install-modules=normal echo sleep iso9660 biosdisk test", tree])
    return path

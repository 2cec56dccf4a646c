#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitor that was taken over can still do.  Operations run in monitors of their own (attack.c), behind walls of choice.

  test-sandbox.py ATTACK                     the test
  test-sandbox.py ATTACK --table [USER-ID]   what each operation answers behind each wall, and how many attacks succeed
  test-sandbox.py ATTACK OP[@main|vcpu|block] [all|filter|landlock[=ABI]|namespaces|flatpak|none]
"""
import collections
import concurrent.futures
import ctypes
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from lib import BUILD, Skip, Tap, check  # pylint: disable=wrong-import-position
from prey import Prey, answers_of  # pylint: disable=wrong-import-position

BROKER = os.path.join(BUILD, "src/broker/vivarium-broker")
VMM = os.path.join(BUILD, "src/vmm/vivarium-vmm")
NOBODY = 65534
LANDLOCK_ABIS = [1, 2, 4, 6]  # those that changed something

# -- What is expected --------------------------------------------------------------------------------
#
# Behind the filter, which answers first and so behind all walls; behind Landlock alone, from an ABI on; in namespaces alone.  What isn't said is counted
# only, since it is for another wall to stop.

Row = collections.namedtuple("Row", "filter landlock namespaces")


def row(by_filter, landlock=None, namespaces=None, abi=1):
    return Row(by_filter, (abi, landlock) if landlock else None, namespaces)


def rows(names, *arguments, **options):
    return {name: row(*arguments, **options) for name in names.split()}


ROWS = {}
ROWS |= rows("""open_ini create_inside tmpfile_inside rename_inside unlink_inside read_outside read_etc create_outside write_outside rename_outside
    unlink_outside open_truncate reopen_rw victim_mem victim_environ link_outside mkdir_outside symlink_outside mkfifo_outside openat2 symlink_inside
    mkdir_inside own_mem""", "EACCES", "EACCES", "ENOENT")
ROWS |= rows("list_root", "EACCES", "EACCES")  # its own is empty
ROWS |= rows("dev_kvm", "EACCES", namespaces="ENOENT")
ROWS |= rows("truncate_outside truncate_inside", "EACCES", "EACCES", "ENOENT", abi=3)
# Landlock knows nothing of these.
ROWS |= rows("""stat_outside chmod_outside fchmodat_outside fchmodat2_outside chown_outside utimensat_outside utimes_outside setxattr_outside
    listxattr_outside inotify readlink""", "EACCES", namespaces="ENOENT")
ROWS |= rows("""fchmod futimens fsetxattr flock chdir kill_group pidfd_open setpriority ioprio affinity scheduler setpgid setsid timer_create shmget
    semget msgget io_setup""", "EACCES")
ROWS |= rows("kill tkill sigqueue", "EACCES", "EPERM", abi=6)
ROWS |= rows("tgkill", "ENOSYS", "EPERM", abi=6)
ROWS |= rows("sched_setattr", "EALREADY")
ROWS |= rows("""kvm_requests setown setsig setfl_async setown_ex fioasync fiosetown setlease dnotify posix_lock pipe_size prlimit_other
    prlimit_own clone_process clone_newuser clone3 tiocsti ficlone setflags kvm_create ioctl_high attach_filter map_wx map_x_memfd heap_x
    memfd_x dumpable prctl_mm ptracer subreaper seccomp_listener new_number inet_mptcp inet_raw packet netlink vsock alg unix_datagram unix_abstract
    unix_bind_abstract stream_sendto""", "ENOSYS")
ROWS |= rows("inet_fast_open inet_fast_message inet_udp", "ENOSYS", namespaces="ENETUNREACH")
ROWS |= rows("datagram_pair unix_sibling", "ENOSYS", namespaces="ENOENT")
ROWS |= rows("inet_connect", "ENOSYS", "EACCES", "ENETUNREACH", abi=4)
ROWS |= rows("inet_bind", "ENOSYS", "EACCES", abi=4)
ROWS |= rows("unix_bind_inside unix_bind_outside", "ENOSYS", "EACCES", "ENOENT")
ROWS |= rows("stream_to_name", "EISCONN")
ROWS |= rows("map_ro_writable", "EACCES", "EACCES", "EACCES")
ROWS |= rows("ptrace process_vm_writev kcmp", "SIGSYS", "EPERM", "EPERM")
ROWS |= rows("execve", "SIGSYS", "EACCES", "ENOENT")
ROWS |= rows("""fork unshare mount personality pkey_mprotect io_uring userfaultfd bpf perf add_key keyctl modify_ldt vmsplice setuid
    clock_settime x32 int80""", "SIGSYS")
# What must work.  The name in a seqpacket's message is ignored by the kernel.
DAILY = rows("""thread pread pwrite eventfd fstat memfd fd_passing prlimit_look requests requests_vcpu requests_disk narrower
    seqpacket_to_name""", "works", "works", "works")

# A processor's and a disk's thread have shorter lists.  Nothing is opened by name there, and of the day's work each has its own.
OWN = {"vcpu": {"pread", "eventfd", "fstat", "requests_vcpu"}, "block": {"thread", "pread", "pwrite", "fstat", "requests_disk"}}
UNKNOWN_THERE = set("""sched_setattr stream_to_name""".split())

# Calls that never were an attack by themselves, or that a filter is not meant to tell apart.
HARMLESS = {"new_number"}


# -- One operation -----------------------------------------------------------------------------------


def landlock_abi():
    abi = ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)
    return max(abi, 0)


def seccomp_there():
    with open("/proc/self/status", encoding="ascii") as file:
        return any(line.startswith("Seccomp:") for line in file)


class Monitor(Prey):
    """Prey, and the monitors that are after it."""

    def attack(self, program, ops, walls="all", thread="main"):
        """One monitor's answers until it ends: works, an errno's name, a signal's."""
        with self.laid_out() as (_, ini, env):
            env |= {"VIVARIUM_ATTACK": "%s@%s" % (",".join(ops), thread), "VIVARIUM_ATTACK_WALLS": walls, "VIVARIUM_VMM": program}
            # A guest that runs only costs time, but where the operation is done on its way.
            command = [BROKER, "--definition", ini, "--engine", "software"] + (["--paused"] if thread == "main" else [])
            ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
                                   **self.as_user)
        try:
            return answers_of(ended, ended.stderr, ops)  # it comes by the broker's log
        except RuntimeError as error:
            raise RuntimeError("behind %s: %s" % (walls, error)) from error

    def attack_in_line(self, program, ops, walls="all", thread="main"):
        """One after the other in as few monitors as do; for operations that leave nothing behind."""
        answers = {}
        while len(answers) < len(ops):
            answers |= self.attack(program, ops[len(answers):], walls, thread)
        return answers

    def attack_alone(self, program, ops, walls="all", thread="main"):
        """Each in a monitor of its own."""
        answers = {}
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for answer in pool.map(lambda op: self.attack(program, [op], walls, thread), ops):
                answers |= answer
        return answers


# -- The test ----------------------------------------------------------------------------------------


def succeeded(answers):
    return [op for op, answer in answers.items() if answer == "works" and op in ROWS and op not in HARMLESS]


def columns():
    abi = landlock_abi()
    return ["none"] + (["filter"] if seccomp_there() else []) + ["landlock=%d" % n for n in LANDLOCK_ABIS if n <= abi] + ["namespaces", "flatpak", "all"]


def expected(table, op, walls):
    wanted = table[op]
    if walls in ("filter", "flatpak", "all"):
        return wanted.filter
    if walls == "namespaces":
        return wanted.namespaces
    level = int(walls.partition("=")[2])
    return wanted.landlock[1] if wanted.landlock is not None and level >= wanted.landlock[0] else None


def ask(prey, program, wanted, walls, thread="main"):
    """The answers to all of `wanted`.  What is refused leaves nothing behind, so one monitor does; what is refused in another way than it should be
    is asked again by itself, and so is what works or ends the monitor."""
    together = [op for op, answer in wanted.items() if op in DAILY or not (answer == "works" or answer.startswith("SIG"))]
    answers = prey.attack_in_line(program, together, walls, thread)
    return answers | prey.attack_alone(program, [op for op in wanted if answers.get(op) != wanted[op]], walls, thread)


def excused(prey, program, op, wanted, found, walls, thread):
    """Whether it is this host, not a wall, that answers otherwise; it must show that by itself."""
    if wanted == "works" or op == "int80":
        # The kernel answers, and does so without walls: it has no such device, file system, 32-bit programs; Yama or modes forbid it.
        return found != "works" and prey.attack(program, [op], "none", thread)[op] == found
    return False


def expected_on(table, op, thread):
    if op in OWN[thread]:
        return "works"
    if op in DAILY or op in UNKNOWN_THERE:
        return "ENOSYS"
    return expected(table, op, "all")


def compare(tap, prey, program, wanted, walls, thread="main"):
    answers = ask(prey, program, wanted, walls, thread)
    wrong = ["%s: %s, not %s" % (op, found, wanted[op]) for op, found in answers.items()
             if found != wanted[op] and not excused(prey, program, op, wanted[op], found, walls, thread)]
    through = succeeded(answers)
    tap.diag("behind %s %d of %d attacks succeed: %s" % (walls, len(through), len([op for op in answers if op in ROWS]), " ".join(through)))
    check(not wrong, "%d answers are not as expected\n%s" % (len(wrong), "\n".join(wrong)))


def check_names(program):
    """The program's operations and the rows here are the same."""
    known = set(subprocess.run([program], capture_output=True, text=True, check=True,
                               env={k: v for k, v in os.environ.items() if k != "VIVARIUM_ATTACK"}).stdout.split())
    check(known == set(ROWS | DAILY), "rows without operation or the other way round: %s" % (known ^ set(ROWS | DAILY)))


def namespaces_there(user):
    """Whether this host lets that user have some: none within a chroot (user_namespaces(7)), nor where a profile or a limit forbids them."""
    as_user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    said = subprocess.run([VMM, "--walls"], capture_output=True, text=True, check=False, **as_user)
    return said.returncode == 0 and "no namespaces" not in said.stdout


def may_run(program, user):
    """Whether another user reaches what was built."""
    try:
        return subprocess.run([program], capture_output=True, check=False, user=user, group=user, extra_groups=[]).returncode == 0
    except OSError:
        return False


def test_user(tap, program, name, prey):
    table = ROWS | DAILY
    for walls in columns():
        # Root's rights are another question than which wall does what.
        if walls == "none" or (name == "root" and walls not in ("flatpak", "all")):
            continue
        with tap.point("%s behind %s" % (name, walls)):
            if walls in ("flatpak", "all") and not seccomp_there():
                raise Skip("this kernel has no seccomp")
            if walls == "namespaces" and not namespaces_there(prey.user):
                raise Skip("this host lets the user make no namespaces")
            wanted = {op: expected(table, op, walls) for op in table}
            compare(tap, prey, program, {op: answer for op, answer in wanted.items() if answer is not None}, walls)
    for thread in ("vcpu", "block"):
        with tap.point("%s on a thread of the kind %s" % (name, thread)):
            wanted = {op: expected_on(table, op, thread) for op in table}
            compare(tap, prey, program, {op: answer for op, answer in wanted.items() if not answer.startswith("SIG") or op == "execve"},
                    "all", thread)


def test(program):
    """As whoever runs this; as root for an ordinary user, too."""
    tap = Tap()
    with tap.point("each operation has its row"):
        check_names(program)
    users = [("root", None), ("an ordinary user", NOBODY)] if os.geteuid() == 0 else [("an ordinary user", None)]
    for name, user in users:
        if user is not None and not may_run(program, user):
            with tap.point(name):
                raise Skip("user %d doesn't reach what was built" % user)
            continue
        prey = Monitor(user)
        try:
            test_user(tap, program, name, prey)
        finally:
            prey.close()
    tap.done()


def show_table(program, user):
    prey = Monitor(user)
    ops = list(ROWS | DAILY)
    try:
        found = {walls: prey.attack_alone(program, ops, walls) for walls in columns()}
    finally:
        prey.close()
    print("%-20s %s" % ("", " ".join("%-10s" % walls for walls in found)))
    for op in ops:
        print("%-20s %s" % (op, " ".join("%-10s" % answers[op] for answers in found.values())))
    print("%-20s %s" % ("attacks: %d" % len(ROWS), " ".join("%-10d" % len(succeeded(answers)) for answers in found.values())))


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # the victim ends with us
    program = os.path.abspath(sys.argv[1])
    if sys.argv[2:3] == ["--table"]:
        show_table(program, int(sys.argv[3]) if len(sys.argv) > 3 else None)
    elif len(sys.argv) > 2:
        prey = Monitor()
        try:
            op, _, thread = sys.argv[2].partition("@")
            print(prey.attack(program, [op], *sys.argv[3:], thread=thread or "main")[op])
        finally:
            prey.close()
    else:
        test(program)


main()

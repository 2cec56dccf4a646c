#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a helper that was taken over can still do (attack-helper.c): its own main(), its own walls, operations where it would begin to serve.

  test-helpers.py ATTACK-NAME…           the test
  test-helpers.py ATTACK-NAME --table    what each operation answers
"""
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from lib import Skip, Tap, check  # pylint: disable=wrong-import-position
from prey import Prey, answers_of  # pylint: disable=wrong-import-position

NOBODY = 65534
NO_NAMESPACES = 77  # FAMILY_EXIT_NO_NAMESPACES


def rows(names, answer):
    return {name: answer for name in names.split()}


# -- What is expected --------------------------------------------------------------------------------

# Both have the list of calls of helpers and no names.
BOTH = {}
BOTH |= rows("""tgkill prlimit_other prlimit_own setown setsig setfl_async setown_ex fioasync fiosetown setlease dnotify posix_lock pipe_size tiocsti
    ficlone setflags kvm_create kvm_requests requests requests_vcpu requests_disk ioctl_high attach_filter inet_fast_open inet_fast_message
    inet_raw packet netlink vsock alg unix_datagram unix_sibling unix_abstract unix_bind_abstract unix_bind_inside unix_bind_outside
    datagram_pair map_wx map_x_memfd heap_x memfd_x clone_process clone_newuser clone3 dumpable prctl_mm ptracer subreaper seccomp_listener
    narrower new_number""", "ENOSYS")
BOTH |= rows("""read_outside read_etc list_root dev_kvm openat2 victim_environ rename_inside rename_outside unlink_inside unlink_outside link_outside
    symlink_inside symlink_outside mkdir_inside mkdir_outside mkfifo_outside truncate_inside truncate_outside chmod_outside fchmodat_outside
    fchmodat2_outside chown_outside utimensat_outside utimes_outside setxattr_outside listxattr_outside stat_outside inotify fchmod futimens
    fsetxattr flock chdir readlink kill kill_group tkill setpriority ioprio pidfd_open setpgid setsid sigqueue affinity scheduler timer_create
    shmget semget msgget io_setup map_ro_writable""", "EACCES")
BOTH |= rows("""ptrace kcmp process_vm_writev pkey_mprotect personality execve fork unshare mount io_uring userfaultfd bpf perf add_key keyctl setuid
    clock_settime modify_ldt x32 int80""", "SIGSYS")
BOTH |= rows("inet_mptcp", "ENOSYS")
BOTH |= rows("prlimit_look pread pwrite eventfd fstat fd_passing", "works")
# Its outside end is the network, and it starts no thread; what is sent there is no more than any program of the user sends.
NET = dict(BOTH)
NET |= rows("""open_ini create_inside tmpfile_inside create_outside write_outside open_truncate victim_mem own_mem reopen_rw sched_setattr thread memfd
    stream_to_name seqpacket_to_name vmsplice""", "ENOSYS")
NET |= rows("inet_connect inet_bind inet_udp", "works")
NET |= rows("stream_sendto", "EISCONN")
SWITCH = dict(BOTH)
SWITCH |= rows("open_ini create_inside tmpfile_inside create_outside write_outside open_truncate victim_mem own_mem reopen_rw", "EACCES")
SWITCH |= rows("inet_connect inet_bind inet_udp stream_sendto", "ENOSYS")
SWITCH |= rows("vmsplice", "SIGSYS")
SWITCH |= rows("sched_setattr", "EALREADY")
SWITCH |= rows("thread memfd seqpacket_to_name", "works")
SWITCH |= rows("stream_to_name", "EISCONN")
# It has yet to become virtiofsd, whose own walls keep it in the folder.  Its network is empty, and the folder only to be read.
SHARE = {}
SHARE |= rows("open_ini create_inside tmpfile_inside rename_inside unlink_inside mkdir_inside symlink_inside truncate_inside unix_bind_inside", "EROFS")
SHARE |= rows("inet_connect inet_fast_open inet_fast_message inet_udp", "ENETUNREACH")
SHARE |= rows("unix_abstract", "ECONNREFUSED")
# A device's node, or bytes that came on its input, are all that vivarium-usb and vivarium-decode have besides.
TABLES = {"net": NET, "switch": SWITCH, "share": SHARE, "usb": SWITCH, "decode": SWITCH}


def kind_of(program):
    return re.search(r"attack-(\w+)$", program)[1]


class Helpers(Prey):
    """Prey, and helpers that are after it."""

    @staticmethod
    def command(program, folder):
        if kind_of(program) == "decode":
            return [program, "64", "0"]
        options = {"usb": [], "net": ["--tftp", folder], "switch": ["--outside", "group"], "share": ["--folder", folder, "--readonly"]}[kind_of(program)]
        return [program, "--socket", "3", *options]

    def attack(self, program, ops):
        """Its answers until it ends."""
        with self.laid_out() as (folder, _, env):
            env |= {"VIVARIUM_ATTACK": ",".join(ops), "VIVARIUM_VIRTIOFSD": "/bin/true"}
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with ours, theirs:
                command = self.command(program, folder)
                for more in ([], ["--no-namespaces"]):
                    ended = subprocess.run(["sh", "-c", 'exec "$@" 3<&%d %d<&-' % (theirs.fileno(), theirs.fileno()) if theirs.fileno() != 3 else 'exec "$@"', "sh",
                                            *command, *more], env=env, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                                           pass_fds=[theirs.fileno()], **self.as_user)
                    if ended.returncode != NO_NAMESPACES:
                        break
        return answers_of(ended, ended.stdout, ops)

    def all(self, program, ops):
        answers = {}
        while len(answers) < len(ops):
            answers |= self.attack(program, ops[len(answers):])
        return answers


def operations(program):
    env = {name: value for name, value in os.environ.items() if name != "VIVARIUM_ATTACK"}
    return subprocess.run([program], capture_output=True, text=True, check=True, env=env).stdout.split()


def excused(op, found):
    """Whether it is this host, not a wall, that answers otherwise: its kernel has no such call, or refuses it to all."""
    return op == "int80" and found != "works"


def compare(tap, prey, program):
    table = TABLES[kind_of(program)]
    known = set(operations(program))
    check(set(table) <= known and (len(table) < 40 or set(table) == known), "rows without operation or the other way round: %s" % (known ^ set(table)))
    answers = prey.all(program, list(table))
    wrong = ["%s: %s, not %s" % (op, found, table[op]) for op, found in answers.items() if found != table[op] and not excused(op, found)]
    tap.diag("%s: %s" % (kind_of(program), " ".join(op for op, answer in answers.items() if answer == "works")))
    check(not wrong, "%d answers are not as expected\n%s" % (len(wrong), "\n".join(wrong)))


def may_run(program, user):
    try:
        return subprocess.run([program], capture_output=True, check=False, user=user, group=user, extra_groups=[]).returncode == 0
    except OSError:
        return False


def test(programs):
    """As whoever runs this; as root for an ordinary user, too."""
    tap = Tap()
    for name, user in [("root", None), ("an ordinary user", NOBODY)] if os.geteuid() == 0 else [("an ordinary user", None)]:
        prey = Helpers(user)
        try:
            for program in programs:
                with tap.point("%s of %s" % (kind_of(program), name)):
                    if user is not None and not may_run(program, user):
                        raise Skip("user %d doesn't reach what was built" % user)
                    compare(tap, prey, program)
        finally:
            prey.close()
    tap.done()


def show_table(program):
    prey = Helpers()
    try:
        for op, answer in prey.all(program, operations(program)).items():
            print("%-20s %s" % (op, answer))
    finally:
        prey.close()


if sys.argv[2:] == ["--table"]:
    show_table(sys.argv[1])
else:
    test(sys.argv[1:])

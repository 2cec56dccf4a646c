# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to attack for a process that was taken over, and what it answers."""
import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile


class Prey:
    """A machine's folder, a bystander's folder, process and sockets; all of one user.  `user`: None for who runs this."""

    def __init__(self, user=None):
        self.user = user
        self.as_user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.dir = tempfile.mkdtemp(prefix="viv-box-")
        self.folder, self.outside, self.tmp = (os.path.join(self.dir, name) for name in ("machine", "outside", "tmp"))
        self.victim = subprocess.Popen(["sleep", "3600"], **self.as_user)
        self.numbers = itertools.count()
        os.chmod(self.dir, 0o711)
        os.mkdir(self.tmp, 0o700)
        self.give(self.tmp)
        self.tcp = socket.create_server(("127.0.0.1", 0), backlog=1000)

    def give(self, *paths):
        for path in paths:
            if self.user is not None:
                os.chown(path, self.user, self.user)

    def close(self):
        self.victim.kill()
        self.victim.wait()
        self.tcp.close()
        shutil.rmtree(self.dir)

    @contextlib.contextmanager
    def laid_out(self):
        """A machine's folder with its definition and disk, another folder, listeners: the folders and the environment that an attacker reads."""
        place = os.path.join(self.dir, str(next(self.numbers)))
        machine, outside = os.path.join(place, "machine"), os.path.join(place, "outside")
        os.mkdir(place, 0o755)
        os.mkdir(machine, 0o700)
        os.mkdir(outside, 0o700)
        disk, file, ini = os.path.join(machine, "disk"), os.path.join(outside, "file"), os.path.join(machine, "machine.ini")
        with open(disk, "wb") as out:
            out.truncate(1 << 20)
        with open(file, "w", encoding="ascii") as out:
            out.write("x" * 4096)
        with open(ini, "w", encoding="ascii") as out:
            out.write("[machine]\nname=Taken\nuuid=0b5f4d0c-6a3c-4b5e-9d4e-0a2f7c1b8e11\nmemory=16\n"
                      "[display0]\nvideo=none\n[disk0]\npath=disk\nformat=raw\n")
        sibling, datagrams = os.path.join(outside, "s"), os.path.join(outside, "d")
        listeners = [socket.socket(socket.AF_UNIX) for _ in range(2)] + [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)]
        for listener, name in zip(listeners, (sibling, "\0" + sibling + "\0", datagrams)):
            listener.bind(name)
        for listener in listeners[:2]:
            listener.listen(10)
        self.give(place, machine, outside, disk, file, ini, sibling, datagrams)
        env = dict(os.environ, TMPDIR=self.tmp, HOME=self.tmp, LC_ALL="C.UTF-8",
                   VIVARIUM_ATTACK_PREY=":".join([machine, outside, sibling, datagrams, str(self.victim.pid), str(self.tcp.getsockname()[1])]))
        for name in ("G_DEBUG", "VIVARIUM_SANDBOX", "VIVARIUM_SOFT", "DBUS_SESSION_BUS_ADDRESS"):
            env.pop(name, None)
        try:
            yield machine, ini, env
        finally:
            for listener in listeners:
                listener.close()
            shutil.rmtree(place)


def answers_of(ended, text, ops):
    """Of a process that has ended, by what it said on its way."""
    answers = dict(words[:2] for words in (line.split(": ") for line in text.splitlines()) if words[0] in ops)
    left = ops[len(answers):]
    if left and ended.returncode < 0:
        answers[left[0]] = signal.Signals(-ended.returncode).name
    elif left and left[0] == "execve" and ended.returncode == 0:
        answers["execve"] = "works"  # another program is at its place
    elif left or ended.returncode != 0 or list(answers) != ops:
        raise RuntimeError("%s: status %d\n%s%s" % (left[:1], ended.returncode, ended.stdout, ended.stderr))
    return answers


#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A manual page from what a program says of itself, so there is one source.   make-page.py PROGRAM NAME SECTION VERSION INTRO [--commands|--keys]…

INTRO is a file: the first line is the page's one-line summary, the rest its description, with blank lines between paragraphs, and "= TITLE" before
further sections, which come behind the options."""
import os
import re
import subprocess
import sys

ENVIRONMENT = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="en", DISPLAY="", WAYLAND_DISPLAY="", GSETTINGS_BACKEND="memory", COLUMNS="200")


def say(*arguments):
    return subprocess.run(arguments, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout


def roff(text):
    """A line of text, with nothing in it that roff reads."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("^", r"\(ha").replace("~", r"\(ti").replace("`", r"\(ga").replace("|", r"|\:")
    return (r"\&" + text) if text[:1] == "." else text


def options(text):
    """(name, help) of the lines that list options; a line that is deeper goes on."""
    found = []
    for line in text.splitlines():
        match = re.match(r"  ((?:-\w, )?--?[\w-]+(?:=\S+)?)\s{2,}(\S.*)$", line)
        if match:
            found.append([match[1], match[2]])
    return [option for option in found if "--help" not in option[0]]


def option_list(found, out):
    for name, help_text in found:
        out += [".TP", r"\fB" + roff(re.sub(r"=(\S+)", "=\x01\\1\x02", name)).replace("\x01", r"\fI").replace("\x02", r"\fR") + r"\fR", roff(help_text)]


def paragraphs(lines, out):
    """Lines that are indented stay as they are."""
    verbatim = False
    begun = True
    for line in lines:
        if line.startswith("  ") != verbatim:
            out.append(".EE" if verbatim else ".EX")
            verbatim = not verbatim
        if not line.strip():
            begun = True
            continue
        if begun and not verbatim:
            out.append(".PP")
        begun = False
        out.append(roff(line.strip() if not verbatim else line))
    if verbatim:
        out.append(".EE")


def command(program, name, out):
    text = say(program, name, "--help")
    lines = text.splitlines()
    usage = lines[1].strip().split(" ", 2)
    arguments = (usage[2] if len(usage) > 2 else "").replace("[OPTION…] [OPTION…]", "[OPTION…]")
    out += [".SS " + roff(name), r"\fBvivctl " + roff(name) + r"\fR" + (r" \fI" + roff(arguments) + r"\fR" if arguments else "")]
    at = lines.index("Options:") if "Options:" in lines else len(lines)
    paragraphs([""] + [line for line in lines[2:at] if line.strip()], out)
    rest = lines[at + 1:]
    while rest and rest[0].startswith("  "):
        rest.pop(0)
    option_list(options("\n".join(lines[at:])), out)
    paragraphs(rest, out)


def keys(program, out):
    out.append(".SH SETTINGS")
    out.append(roff("Keys of machine.ini, for “vivctl set” and “vivctl device”; * stands for a number."))
    for line in say(program, "set", "--keys").splitlines():
        match = re.match(r"(\S+)\s+(\S.*)$", line)
        if match:
            out += [".TP", r"\fB" + roff(match[1]) + r"\fR", roff(match[2])]


def main():
    program, name, section, version, intro, *more = sys.argv[1:]
    with open(intro, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if not line.startswith("#")]
    summary, lines = lines[0], lines[1:]
    split = next((i for i, line in enumerate(lines) if line.startswith("= ")), len(lines))
    out = [r".\" Made by data/man/make-page.py", '.TH %s %s "" "Vivarium %s"' % (name.upper(), section, version), ".SH NAME", roff("%s - %s" % (name, summary)).replace(r" \- ", r" \- ", 1)]
    out += [".SH SYNOPSIS", r"\fB%s\fR \fI%s\fR" % (roff(name), "COMMAND ARGUMENT…" if "--commands" in more else "OPTION…")]
    out.append(".SH DESCRIPTION")
    paragraphs([""] + lines[:split], out)
    if "--commands" in more:
        out.append(".SH COMMANDS")
        for match in re.finditer(r"^  ([a-z][a-z-]*)\s", say(program, "--help"), re.M):
            command(program, match[1], out)
    else:
        out.append(".SH OPTIONS")
        option_list(options(say(program, "--help")), out)
    if "--keys" in more:
        keys(program, out)
    section_lines = []
    for line in lines[split:] + ["= "]:
        if not line.startswith("= "):
            section_lines.append(line)
            continue
        paragraphs(section_lines, out)
        section_lines = []
        if line != "= ":
            out.append(".SH " + roff(line[2:].upper()))
    # A section's first paragraph needs no request.
    clean = [line for i, line in enumerate(out) if not (line == ".PP" and out[i - 1].startswith((".SH", ".PP")))]
    print("\n".join(clean))


main()

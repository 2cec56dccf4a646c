#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses circles among the files of src: files that include each other, directly or by way of others.

lint-circles.py [FOLDER]    lists each circle and the includes that close it
lint-circles.py --test      tests itself

A node is a module: NAME.c and NAME.h of a folder, and NAME-private.h or NAME-internal.h with them where there is such a module.  A
private header without one, which the parts of a larger module share, is a node of its own.  What includes what is an edge from node to
node, whichever of the files it stands in: if b.c needs a.h, then a.h and a.c may not need b.h.
"""
import os
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
PRIVATE = re.compile(r"(.+)-(?:private|internal)$")


def sources(root):
    found = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        found += [os.path.normpath(os.path.join(folder, name)) for name in sorted(names) if name.endswith((".c", ".h"))]
    return found


def node_of(path, files):
    """The module of a file, by its path without extension."""
    name = os.path.splitext(path)[0]
    private = PRIVATE.match(name)
    if private and (private[1] + ".c" in files or private[1] + ".h" in files):
        return private[1]
    return name


def graph(root):
    """Of each node the nodes that it includes, and for each of those (file, line) of the includes."""
    files = sources(root)
    known = set(files)
    edges = {}
    for path in files:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        own = node_of(path, known)
        edges.setdefault(own, {})
        for match in INCLUDE.finditer(text):
            for base in (os.path.dirname(path), root, os.path.join(root, "vmm")):
                target = os.path.normpath(os.path.join(base, match[1]))
                if target in known:
                    if node_of(target, known) != own:
                        line = text.count("\n", 0, match.start(1)) + 1
                        edges[own].setdefault(node_of(target, known), []).append((path, line))
                    break
    return edges


def circles(edges):
    """Sets of nodes of which each reaches each other (Tarjan's components), sorted."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(tuple(sorted(stack[at:])))
            del stack[at:]

    sys.setrecursionlimit(100000)
    for node in sorted(edges):
        if node not in number:
            visit(node)
    return sorted(found)


def check(root):
    """Lines of complaint."""
    edges = graph(root)
    lines = []
    for circle in circles(edges):
        lines.append("a circle of %d: %s" % (len(circle), " ".join(circle)))
        for node in circle:
            for other in sorted(set(edges[node]) & set(circle)):
                lines += ["  %s:%d includes %s" % (path, line, other) for path, line in edges[node][other]]
    return lines


def self_test():
    def lines(files):
        with tempfile.TemporaryDirectory() as folder:
            for name, includes in files.items():
                path = os.path.join(folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="ascii") as file:
                    file.write("".join('#include "%s"\n' % include for include in includes))
            return [line.replace(folder + "/", "") for line in check(folder)]

    def expect(what, found, wanted):
        if found != wanted:
            sys.exit("self-test, %s: %r, not %r" % (what, found, wanted))

    expect("a module and its header", lines({"r/a.c": ["r/a.h"], "r/a.h": []}), [])
    expect("one way", lines({"r/a.c": ["r/a.h", "r/b.h"], "r/a.h": [], "r/b.h": [], "r/b.c": ["r/b.h"]}), [])
    expect("headers", lines({"r/a.h": ["b.h"], "r/b.h": ["r/a.h"]}),
           ["a circle of 2: r/a r/b", "  r/a.h:1 includes r/b", "  r/b.h:1 includes r/a"])
    expect("by a source", lines({"r/a.h": ["r/b.h"], "r/b.h": [], "r/b.c": ["r/b.h", "r/a.h"]}),
           ["a circle of 2: r/a r/b", "  r/a.h:1 includes r/b", "  r/b.c:2 includes r/a"])
    expect("of three, by the monitor's folder", lines({"vmm/a.h": ["b.h"], "vmm/b.h": ["r/c.h"], "vmm/r/c.h": ["a.h"]})[0],
           "a circle of 3: vmm/a vmm/b vmm/r/c")
    expect("a private header of a module", lines({"a.c": ["a-private.h"], "a.h": [], "a-private.h": ["a.h"], "a-more.c": ["a-private.h"]}), [])
    expect("a private header that parts share", lines({"x-private.h": ["x-one.h"], "x-one.c": ["x-private.h"], "x-one.h": []})[0],
           "a circle of 2: x-one x-private")
    expect("the same name in two folders", lines({"r/a.h": ["s/a.h"], "s/a.h": []}), [])


def main():
    if sys.argv[1:] == ["--test"]:
        self_test()
        return
    lines = check(sys.argv[1] if len(sys.argv) > 1 else "src")
    print("\n".join(lines), end="\n" if lines else "")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()

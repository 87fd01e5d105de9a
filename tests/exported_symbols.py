#!/usr/bin/env python3
"""libomendb.so exports the whole door and nothing else, under one version node.

Usage: exported_symbols.py <libomendb.so> <folder of the public headers>
"""

import pathlib
import re
import subprocess
import sys

ALLOWED = re.compile(
    r"^(omendb_\w+|omendb::(Database|Table)::(?!Impl\b)~?\w+(\[abi:\w+\])?\(.*\)( const)?|omendb::Schema::find\(.*\) const"
    r"|omendb::to_string\(omendb::\w+\))$")
DECLARED_C = re.compile(r"OMENDB_API [\w* ]+?\*?\b(omendb_\w+)\(")
CLASS = re.compile(r"^class (Database|Table) \{(.*?)^\};", re.S | re.M)
MEMBER = re.compile(r"^  (?:static )?(?:Result<.+?>|const [\w:]+&) (\w+)\(", re.M)


def exported(library):
    """{demangled name: version node} of the library's defined dynamic symbols."""
    lines = subprocess.run(["nm", "-D", "-C", "--defined-only", "--with-symbol-versions", library], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    names = {}
    for line in lines:
        kind, name = re.match(r"^[0-9a-f]* ?\s*(\w) (.*)$", line).groups()
        if kind == "A":
            continue  # the version node itself
        name, _, node = name.partition("@@")
        names[name] = node
    return names


def declared(headers):
    """Qualified names that the public headers promise."""
    names = set(DECLARED_C.findall((headers / "omendb.h").read_text()))
    for header in headers.glob("*.h"):
        for class_name, body in CLASS.findall(header.read_text()):
            names |= {f"omendb::{class_name}::{member}" for member in MEMBER.findall(body)}
    return names


def main():
    symbols, promised = exported(sys.argv[1]), declared(pathlib.Path(sys.argv[2]))
    complaints = [f"exported but not part of the door: {name}" for name in sorted(symbols) if not ALLOWED.match(name)]
    complaints += [f"not under OMENDB_0: {name}" for name, node in sorted(symbols.items()) if node != "OMENDB_0"]
    bare = {re.sub(r"(\[abi:\w+\])?\(.*$", "", name) for name in symbols}
    complaints += [f"declared but not exported: {name}" for name in sorted(promised - bare)]
    if len(promised) < 40:
        complaints.append(f"only {len(promised)} declarations found in the headers: the check does not see the door any more")
    print("\n".join(complaints) or f"{len(symbols)} symbols, {len(promised)} declarations, one version node")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()

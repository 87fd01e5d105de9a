#!/usr/bin/env python3
"""Runs clang-tidy with the project's .clang-tidy over the C++ sources. A file that was clean and has not changed is skipped.

"Changed" means: its own text, any header of the project, .clang-tidy, or its compile command. --quick leaves out tests, benches and the
static analyzer (nine tenths of the time): `make test` runs that. Usage: clang_tidy.py [--quick] [path prefix]...
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-tidy"
CLEAN = BUILD / "clean"
TEST_OR_BENCH = re.compile(r"^bench/|_(test|bench|fuzz)\.(cc|c)$")


def compile_commands():
    """{source: command} of everything that the build compiles, as clang sees it."""
    subprocess.run(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_COMPILER=clang++",
                    "-DCMAKE_C_COMPILER=clang"], check=True, stdout=subprocess.DEVNULL)
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    return {pathlib.Path(entry["file"]): entry["command"] for entry in entries}


def headers_digest():
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.h", ".clang-tidy"],
                           capture_output=True, check=True, text=True).stdout.split("\0")
    digest = hashlib.sha256()
    for name in sorted(filter(None, names)):
        if (ROOT / name).exists():
            digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return digest.digest()


def check(source, command, headers, options):
    """(source, complaint or empty) for one file; remembers it when clean."""
    digest = hashlib.sha256(headers + " ".join([command, *options]).encode() + source.read_bytes()).hexdigest()
    remembered = CLEAN / digest
    if remembered.exists():
        return source, ""
    done = subprocess.run(["clang-tidy", "--quiet", *options, "-p", BUILD, source], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        remembered.touch()
        return source, ""
    return source, done.stdout.strip() or done.stderr.strip()


def main():
    quick = "--quick" in sys.argv[1:]
    prefixes = [argument for argument in sys.argv[1:] if argument != "--quick"]
    options = ["--checks=-clang-analyzer-*"] if quick else []
    CLEAN.mkdir(parents=True, exist_ok=True)
    commands = compile_commands()
    sources = sorted(source for source in commands if BUILD not in source.parents and source.is_relative_to(ROOT))
    sources = [source for source in sources if not prefixes or source.relative_to(ROOT).as_posix().startswith(tuple(prefixes))]
    if quick:
        sources = [source for source in sources if not TEST_OR_BENCH.search(source.relative_to(ROOT).as_posix())]
    headers = headers_digest()
    failed_count = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for source, complaint in pool.map(lambda source: check(source, commands[source], headers, options), sources):
            if complaint:
                failed_count += 1
                print(f"{source.relative_to(ROOT)}:\n{complaint}\n", flush=True)
    print(f"clang-tidy: {len(sources)} files, {failed_count} with findings")
    return 1 if failed_count or not sources else 0


if __name__ == "__main__":
    sys.exit(main())

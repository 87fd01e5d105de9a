#!/usr/bin/env python3
"""Checks that every link of the project's Markdown resolves; with --run also that its examples work.

Links: a relative target must exist, and a #fragment must be a heading of the file that it names.
Examples: every ```python block of README.md and docs/*.md runs in a folder of its own (.venv must hold the package), and every ```cpp block
with an #include compiles and runs against the library installed below build/. Usage: check_docs.py [--run] [root]
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import tidy

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.S | re.M)
HEADING = re.compile(r"^#+\s+(.*)$", re.M)
EXAMPLE_PAGES = re.compile(r"^(README\.md|docs/[^/]+\.md)$")
EXAMPLE_SECONDS_MAX = 300


def anchor(heading):
    """The fragment that a Markdown viewer gives a heading."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", lambda match: match.group(1) or "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def pages(root):
    return [path for path in tidy.listed_files(root) if path.suffix == ".md"]


def broken_links(root, page):
    text = FENCE.sub("", (root / page).read_text())
    for match in LINK.finditer(re.sub(r"`[^`\n]*`", "", text)):
        target = match.group(1) or match.group(2)
        if re.match(r"^(?:https?|mailto):", target):
            continue
        name, _, fragment = target.partition("#")
        path = (root / page).parent / name if name else root / page
        if not path.exists():
            yield f"{page}: no such file: {target}"
        elif fragment and path.suffix == ".md":
            headings = {anchor(heading) for heading in HEADING.findall(FENCE.sub("", path.read_text()))}
            if fragment not in headings:
                yield f"{page}: no such heading: {target}"


def examples(root):
    """(where, language, text) of every example that can run."""
    for page in pages(root):
        if not EXAMPLE_PAGES.match(str(page)):
            continue
        text = (root / page).read_text()
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            language, body = match.groups()
            if language == "python" or language == "cpp" and "int main" in body:
                yield f"{page}:{line}", language, body


def command_of(root, language, folder, body):
    if language == "python":
        (folder / "example.py").write_text(body)
        return f"'{root}/.venv/bin/python' example.py"
    (folder / "example.cc").write_text(body)
    prefix = root / "build" / "installed"
    flags = f"$(PKG_CONFIG_PATH='{prefix}/lib/pkgconfig' pkg-config --cflags --libs omendb)"
    return f"g++ -std=c++20 -Wall -Wextra -Werror example.cc {flags} -Wl,-rpath,'{prefix}/lib' -o example && ./example"


def run_example(root, where, language, body):
    """The complaint about an example, or nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = command_of(root, language, folder, body)
        done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
                              timeout=EXAMPLE_SECONDS_MAX)
    if done.returncode != 0:
        return f"{where}: the {language} example fails:\n{done.stdout}{done.stderr}"
    return None


def install(root):
    """Installs the libraries below build/installed, for the C++ examples."""
    build = root / "build"
    for command in (["cmake", "-S", root, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"], ["cmake", "--build", build],
                    ["cmake", "--install", build, "--prefix", build / "installed"]):
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--run"]
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent.parent).resolve()
    found = [complaint for page in pages(root) for complaint in broken_links(root, page)]
    ran = 0
    if "--run" in sys.argv:
        listed = list(examples(root))
        if any(language == "cpp" for _, language, _ in listed):
            install(root)
        for where, language, body in listed:
            complaint = run_example(root, where, language, body)
            print(f"  {where} {language}: {'fails' if complaint else 'runs'}", flush=True)
            found += [complaint] if complaint else []
            ran += 1
    print("\n".join(found) or f"links resolve in {len(pages(root))} pages; {ran} examples run")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

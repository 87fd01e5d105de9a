#!/usr/bin/env python3
"""Fails when the text of the project breaks one of its own rules (STYLE.md). No exceptions list: a finding is mended, not excused.

Reads the files that git tracks or would track (every file below `root` where there is no git). Usage: tidy.py [root]
"""

import ast
import pathlib
import re
import shutil
import subprocess
import sys

FUNCTION_LINES_MAX = 70
CODE_COLUMNS_MAX = 140
COMMENT_COLUMNS_MAX = 180  # of a line together with its comment: comments keep the breaks their writer gave them
FILE_BYTES_MAX = 1 << 20
README_LINES = range(5, 26)

CPP = {".h", ".cc", ".c", ".cu"}
CODE = CPP | {".py", ".cmake", ".sh"}
TEXT = CODE | {".md", ".txt", ".in", ".toml", ".json", ".yml", ".yaml", ".cfg", ".html", ".css", ".js", ".ts", ".pyi", ""}

BANNED_NAMES = {"common", "util", "utils", "core", "helper", "helpers", "manager", "managers", "misc"}
# Spelled in halves, so that this file passes its own check.
BANNED_WORDS = [a + b for a, b in [("TO", "DO"), ("FIX", "ME"), ("X", "XX"), ("HA", "CK")]]
BANNED_WORD = re.compile(
    r"\b(" + "|".join(BANNED_WORDS) + r")\b|\b(?:tmp|temp|foo|bar|asdf)\d+\b|\bnot implemented\b|\bNotImplemented\b")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|farm|root|home/[a-z]\w*)/\w|/tmp/(?:bash_jobs|build|research|brief)")

SYSTEM_HEADER = re.compile(
    r"^\s*#\s*include\s*<(unistd\.h|fcntl\.h|sys/[^>]+|dirent\.h|signal\.h|csignal|poll\.h|spawn\.h|sched\.h|linux/[^>]+)>", re.M)
SYSTEM_CALL = re.compile(
    r"(?<![\w.>:])(?:::(?:open|openat|read|write|pread|pwrite|close|fsync|fdatasync|rename|unlink|mmap|munmap|madvise|fork|kill"
    r"|ftruncate|fallocate|mkdir|stat|flock|syscall)|mmap|munmap|madvise|mprotect|fallocate|posix_fallocate|pwrite|pread|fsync|fdatasync"
    r"|fork|getpid|std::filesystem::\w+|std::[io]?fstream|std::fopen|fopen)\s*[({]")
IOSTREAM = re.compile(r"^\s*#\s*include\s*<iostream>", re.M)

COMMENT_CODE_CPP = re.compile(
    r"^\s*// {0,2}(?:[\w:<>*&.\[\]-]+(?:\s+[\w:<>*&.\[\]-]+)?\s*(?:\([^)]*\)|=[^=].*)\s*;(?:\s*//.*)?$"  # call(...);  a = b;
    r"|(?:if|for|while|switch)\s*\(.*\)\s*\{?$|(?:return|delete|throw)\b[^.]*;$|#\s*(?:include|define|if|endif)\b|[{}]+;?$)")
NOT_A_FUNCTION = re.compile(
    r"^\s*(?:namespace|class|struct|union|enum|extern\s*\"\"|concept)\b|\b(?:class|struct|union|enum)\s+[\w\[\]: ]*$")


def listed_files(root):
    """Paths below root, relative, that belong to the project."""
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = None
    if (root / ".git").exists() and shutil.which("git"):
        listing = subprocess.run(command, capture_output=True, check=False, text=True)
    if listing and listing.returncode == 0:
        paths = [pathlib.PurePosixPath(name) for name in listing.stdout.split("\0") if name]
    else:
        paths = [pathlib.PurePosixPath(path.relative_to(root).as_posix()) for path in root.rglob("*") if path.is_file()]
    paths = [path for path in paths if not path.parts[0].startswith(("build", ".venv", ".git", "dist"))]
    return sorted(set(path for path in paths if (root / path).is_file() and not (root / path).is_symlink()))


def blank_out(text):
    """C++ text of the same length and lines in which comments, literals and preprocessor lines are spaces."""
    pattern = re.compile(
        r'R"(?P<tag>[^\s()\\]{0,16})\(.*?\)(?P=tag)"|//(?:[^\n\\]|\\.)*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"'
        r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'|^[ \t]*#(?:[^\n\\]|\\.)*", re.S | re.M)

    def spaces(match):
        quotes = match.group().startswith('"')
        inner = "".join("\n" if character == "\n" else " " for character in match.group())
        return '"' + inner[1:-1] + '"' if quotes and len(inner) > 1 else inner

    return pattern.sub(spaces, text)


def closing_brace(code, opening):
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return len(code) - 1


def is_function_head(head):
    """True when the text before a `{` ends a function's or lambda's signature."""
    head = head.strip()
    if not head or NOT_A_FUNCTION.search(head) and "(" not in head.split("operator")[0]:
        return False
    return re.search(
        r"\)\s*(?:(?:const|noexcept(?:\s*\([^)]*\))?|override|final|mutable|&&?|try|\[\[\w+\]\]"
        r"|requires\b.*|->\s*[^;{}]+|:\s*[^:].*)\s*)*$", head, re.S) is not None


def cpp_functions(text):
    """(first line, line count) of each outermost function body, its signature included."""
    code = blank_out(text)
    position = head_start = 0
    while match := re.compile(r"[{};]").search(code, position):
        character, at = match.group(), match.start()
        position = at + 1
        head = code[head_start:at]
        if character == "{" and is_function_head(head):
            if re.search(r"\)\s*:\s*[^:]", head, re.S) and re.search(r"[\w>]\s*$", head):  # a member's initializer: name{...}
                position = closing_brace(code, at) + 1
                continue
            end = closing_brace(code, at)
            start = head_start + len(head) - len(head.lstrip())
            yield code.count("\n", 0, start) + 1, code.count("\n", start, end) + 1
            position = end + 1
        elif character == "{" and re.search(r"=\s*$|[\w>\]]\s*$", head) and not re.search(
                r"\b(?:namespace|class|struct|union|enum|extern|concept)\b", head):
            position = closing_brace(code, at) + 1  # a variable's initializer
            continue
        head_start = position


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1


def is_python_code(comment):
    """True when a comment's text is a statement that someone switched off."""
    try:
        body = ast.parse(comment).body
    except (SyntaxError, ValueError):
        return False
    statements = (ast.Assign, ast.AugAssign, ast.Import, ast.ImportFrom, ast.Return, ast.Raise, ast.Delete)
    return any(isinstance(node, statements) or isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) for node in body)


def check_names(path):
    for part in (*path.parts[:-1], path.stem):
        words = {part.lower()} if part != path.stem else set(re.split(r"[_.-]", part.lower()))
        for word in sorted(words & BANNED_NAMES):
            yield f"{path}: a name that says nothing: {word}"


def check_lines(path, text):
    code = path.suffix in CODE
    for number, line in enumerate(text.split("\n"), 1):
        if BANNED_WORD.search(line):
            yield f"{path}:{number}: banned word: {BANNED_WORD.search(line).group()}"
        if MACHINE_PATH.search(line):
            yield f"{path}:{number}: a path of one machine: {MACHINE_PATH.search(line).group()}"
        if not code:
            continue
        if "\t" in line:
            yield f"{path}:{number}: a tab"
        if line != line.rstrip():
            yield f"{path}:{number}: space at the end of the line"
        code_columns = len(re.split(r"//|/\*|^\s*\*|(?:^|\s)#", line, maxsplit=1)[0].rstrip())
        if code_columns > CODE_COLUMNS_MAX or len(line) > COMMENT_COLUMNS_MAX:
            yield f"{path}:{number}: {len(line)} columns, at most {CODE_COLUMNS_MAX} of code, {COMMENT_COLUMNS_MAX} with comment"


def check_functions(path, text):
    if path.suffix in CPP:
        functions = cpp_functions(text)
    elif path.suffix == ".py":
        functions = python_functions(text)
    else:
        return
    for number, line_count in functions:
        if line_count > FUNCTION_LINES_MAX:
            yield f"{path}:{number}: a function of {line_count} lines, at most {FUNCTION_LINES_MAX}"


def check_dead_code(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if path.suffix in CPP and COMMENT_CODE_CPP.match(line):
            yield f"{path}:{number}: code in a comment: {line.strip()}"
        if path.suffix == ".py" and re.match(r"^\s*# ?\S", line) and is_python_code(line.lstrip().lstrip("#").strip()):
            yield f"{path}:{number}: code in a comment: {line.strip()}"
    if path.suffix in CPP and re.search(r"^\s*#\s*if\s+0\b", text, re.M):
        yield f"{path}: code switched off by #if 0"


def check_system_calls(path, text):
    """Only engine/os talks to the operating system; tests and benches may, to play the crash."""
    if path.suffix not in CPP or path.parts[0] not in ("engine", "include", "hamt"):
        return
    if re.search(r"_(test|bench|fuzz)$", path.stem):
        return
    if IOSTREAM.search(text):
        yield f"{path}: <iostream> in a library"
    if path.parts[:2] == ("engine", "os"):
        return
    for match in SYSTEM_HEADER.finditer(text):
        if path.parts[0] == "hamt" and match.group(1) == "sys/single_threaded.h":  # one variable of the C library, no call
            continue
        yield f"{path}:{text.count(chr(10), 0, match.end()) + 1}: system header outside engine/os: {match.group(1)}"
    code = blank_out(text)
    for match in SYSTEM_CALL.finditer(code):
        yield f"{path}:{code.count(chr(10), 0, match.start()) + 1}: system call outside engine/os: {match.group().rstrip('({ ')}"


def check_room_readmes(root):
    cmake_lists = root / "CMakeLists.txt"
    rooms = re.findall(r"^omen_room\(\s*([\w/]+)", cmake_lists.read_text(), re.M) if cmake_lists.exists() else []
    for room in rooms:
        readme = root / room / "README.md"
        if not readme.exists():
            yield f"{room}: no README.md"
        elif len(readme.read_text().splitlines()) not in README_LINES:
            yield f"{room}/README.md: not {README_LINES.start} to {README_LINES.stop - 1} lines"


def check_file(root, path):
    size_bytes = (root / path).stat().st_size
    if size_bytes > FILE_BYTES_MAX:
        yield f"{path}: {size_bytes} bytes, at most {FILE_BYTES_MAX}"
    yield from check_names(path)
    if path.suffix not in TEXT or size_bytes > FILE_BYTES_MAX:
        return
    try:
        text = (root / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    try:
        for check in (check_lines, check_functions, check_dead_code, check_system_calls):
            yield from check(path, text)
    except SyntaxError as error:
        yield f"{path}:{error.lineno}: not Python: {error.msg}"


def check(root):
    """All findings of the project at `root`, as `path:line: what`."""
    root = pathlib.Path(root).resolve()
    found = [finding for path in listed_files(root) for finding in check_file(root, path)]
    return found + list(check_room_readmes(root))


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent
    found = check(root)
    print("\n".join(found) or "tidy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Copies the client into the installed VectorDBBench and registers it there. Doing it twice changes nothing; --remove takes it out again.

Usage: python install.py [--remove] [folder of vectordb_bench]     (default: the one that this Python imports)
"""

import importlib.util
import pathlib
import re
import shutil
import sys

SOURCE = pathlib.Path(__file__).resolve().parent / "omendb"
MARK = "  # omendb"
CLASSES = {
    "init_cls": "omendb.OmenDB",
    "config_cls": "config.OmenDBConfig",
    "case_config_cls": "config.OmenDBIndexConfig",
}


class Unknown(Exception):
    """VectorDBBench does not look as it did when this was written."""


def unregistered(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.rstrip().endswith(MARK))


def inserted(text: str, pattern: str, lines: list[str]) -> str:
    """`lines` behind the first match of `pattern`, each with the mark by which it is found again."""
    match = re.search(pattern, text, re.S | re.M)
    if match is None:
        raise Unknown(f"no place for {lines[0].strip()}")
    return text[: match.end()] + "".join(line + MARK + "\n" for line in lines) + text[match.end() :]


def registered_clients(text: str) -> str:
    """clients/__init__.py with the member OmenDB of DB and its three classes."""
    text = inserted(
        unregistered(text), r"^class DB\(Enum\):\n.*?^    \w+ = \"[^\"\n]+\"\n(?=\n)", ['    OmenDB = "OmenDB"']
    )
    for method, place in CLASSES.items():
        module, name = place.split(".")
        lines = [
            "        if self == DB.OmenDB:",
            f"            from .omendb.{module} import {name}",
            f"            return {name}",
        ]
        text = inserted(text, rf"^    def {method}\(.*?:(?:  #[^\n]*)?\n(?:        \"\"\"[^\n]*\"\"\"\n)?", lines)
    return text


def registered_commands(text: str) -> str:
    """cli/vectordbbench.py with the command omendb."""
    text = inserted(
        unregistered(text), r"(?=^from \.\.backend\.clients\.)", ["from ..backend.clients.omendb.cli import OmenDB"]
    )
    return inserted(text, r"(?=^cli\.add_command\()", ["cli.add_command(OmenDB)"])


def install(package: pathlib.Path, remove: bool) -> None:
    changes = {"backend/clients/__init__.py": registered_clients, "cli/vectordbbench.py": registered_commands}
    texts = {package / name: change for name, change in changes.items()}
    written = {path: (unregistered if remove else change)(path.read_text()) for path, change in texts.items()}
    target = package / "backend" / "clients" / "omendb"
    shutil.rmtree(target, ignore_errors=True)
    if not remove:
        shutil.copytree(SOURCE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in written.items():
        path.write_text(text)


def main(arguments: list[str]) -> int:
    remove = "--remove" in arguments
    named = [argument for argument in arguments if argument != "--remove"]
    found = importlib.util.find_spec("vectordb_bench") if not named else None
    if not named and found is None:
        print("install: vectordb_bench is not installed here: pip install vectordb-bench", file=sys.stderr)
        return 1
    package = pathlib.Path(named[0] if named else found.submodule_search_locations[0])
    try:
        install(package, remove)
    except (Unknown, OSError) as error:
        print(f"install: {package} is not the VectorDBBench that this was written for (2.0): {error}", file=sys.stderr)
        return 1
    print(f"install: OmenDB is {'out of' if remove else 'in'} {package}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

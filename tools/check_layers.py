#!/usr/bin/env python3
"""Fails when a source file includes a room that its room may not see, or when the rooms form a circle.

The `omen_room(<path> DEPS <room>...)` lines of CMakeLists.txt are the architecture: the build links by them and this check
includes by them, so there is one list and no second truth. Front ends see only the public door. Usage: check_layers.py [root]
"""

import pathlib
import re
import sys

ROOM_LINE = re.compile(r"^omen_room\(\s*([\w/]+)(?:\s+DEPS\s+([^)]*))?\)", re.M)
INCLUDE_LINE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
SOURCE_ENDINGS = {".h", ".cc", ".c", ".cu"}
DOORS = {"omendb/": "include/omendb", "hamt/": "hamt"}  # how <...> names a room
FRONT_ENDS = ["python", "cli", "sql", "server", "examples"]
FRONT_END_SEES = {"include/omendb", "hamt"}
ROOM_PARENTS = ["engine", "gpu"]  # every folder with sources below these must be a room


def read_rooms(root):
    """The rooms of CMakeLists.txt: {path: set of rooms it may include}."""
    text = (root / "CMakeLists.txt").read_text()
    return {path: set((deps or "").split()) for path, deps in ROOM_LINE.findall(text)}


def bottom_to_top(rooms):
    """(order, what could not be ordered): the rest is a circle or leans on a room that does not exist."""
    order = []
    while len(order) < len(rooms):
        free = sorted(room for room in rooms if room not in order and rooms[room] <= set(order))
        if not free:
            return order, sorted(set(rooms) - set(order))
        order += free
    return order, []


def room_of_include(bracket, target, includer, root, rooms):
    """The room that `#include "target"` or `#include <target>` reaches, or None when it is no room of ours."""
    if bracket == "<":
        return next((room for prefix, room in DOORS.items() if target.startswith(prefix)), None)
    candidates = [target]
    if (includer.parent / target).exists():
        candidates.append((includer.parent / target).resolve().relative_to(root).as_posix())
    for candidate in candidates:
        for room in sorted(rooms, key=len, reverse=True):
            if candidate.startswith(room + "/"):
                return room
        for prefix, room in DOORS.items():
            if candidate.startswith(prefix):
                return room
    return None


def sources(folder):
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.suffix in SOURCE_ENDINGS and path.is_file())


def complaints_of(folder, allowed, root, rooms):
    found = []
    for path in sources(root / folder):
        for bracket, target in INCLUDE_LINE.findall(path.read_text(errors="replace")):
            seen = room_of_include(bracket, target, path, root, rooms)
            if seen and seen != folder and seen not in allowed:
                found.append(f"{path.relative_to(root)}: {folder} may not include {seen} (by {target})")
    return found


def unlisted_folders(root, rooms):
    """Folders with sources that no omen_room line names: they would escape every gate."""
    found = []
    for parent in ROOM_PARENTS:
        folders = {path.parent.relative_to(root).as_posix() for path in sources(root / parent)}
        for folder in sorted(folders):
            if not any(folder == room or folder.startswith(room + "/") for room in rooms):
                found.append(f"{folder}: has sources but no omen_room line in CMakeLists.txt")
    return found


def check(root):
    """(complaints, rooms from bottom to top) of the project at `root`."""
    root = pathlib.Path(root).resolve()
    rooms = read_rooms(root)
    order, stuck = bottom_to_top(rooms)
    if not rooms:
        return ["CMakeLists.txt: no omen_room line"], []
    if stuck:
        return [f"CMakeLists.txt: circle or unknown room among {' '.join(stuck)}"], order
    found = []
    for room in order:
        found += complaints_of(room, rooms[room], root, rooms)
    for front_end in FRONT_ENDS:
        found += complaints_of(front_end, FRONT_END_SEES, root, rooms)
    return found + unlisted_folders(root, rooms), order


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent
    found, order = check(root)
    print("\n".join(found) or "layers clean, bottom to top: " + " ".join(order))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""check_layers.py finds every planted fault and lets a clean project pass."""

import pathlib
import tempfile
import unittest

import check_layers

CLEAN_ROOMS = """
omen_room(include/omendb)
omen_room(hamt)
omen_room(engine/base DEPS include/omendb)
omen_room(engine/table DEPS include/omendb hamt engine/base)
"""


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("CMakeLists.txt", CLEAN_ROOMS)
        self.write("include/omendb/table.h", "#include <vector>\n")
        self.write("hamt/include/hamt/map.h", "#include <hamt/trie.h>\n")
        self.write("engine/base/try.h", "#include <omendb/status.h>\n")
        self.write("engine/table/rows.cc", '#include "engine/base/try.h"\n#include <hamt/map.h>\n')

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def expect(self, fragment):
        found, _ = check_layers.check(self.root)
        self.assertEqual(len(found), 1, found)
        self.assertIn(fragment, found[0])

    def test_a_clean_project_passes_and_is_ordered_bottom_to_top(self):
        found, order = check_layers.check(self.root)
        self.assertEqual(found, [])
        self.assertEqual(order, ["hamt", "include/omendb", "engine/base", "engine/table"])

    def test_an_arrow_upwards_is_found(self):
        self.write("engine/base/try.h", '#include "engine/table/rows.h"\n')
        self.expect("engine/base may not include engine/table")

    def test_an_indented_include_is_found(self):
        self.write("engine/base/try.h", '  #  include "engine/table/rows.h"\n')
        self.expect("engine/base may not include engine/table")

    def test_an_include_by_relative_path_is_found(self):
        self.write("engine/table/rows.h", "")
        self.write("engine/base/try.h", '#include "../table/rows.h"\n')
        self.expect("engine/base may not include engine/table")

    def test_angle_brackets_reach_rooms_too(self):
        self.write("engine/base/try.h", "#include <hamt/map.h>\n")
        self.expect("engine/base may not include hamt")

    def test_the_door_sees_nothing(self):
        self.write("include/omendb/table.h", '#include "engine/base/try.h"\n')
        self.expect("include/omendb may not include engine/base")

    def test_hamt_stands_alone(self):
        self.write("hamt/map_test.cc", "#include <omendb/status.h>\n")
        self.expect("hamt may not include include/omendb")

    def test_a_front_end_sees_only_the_door(self):
        self.write("python/module.cc", '#include <omendb/table.h>\n#include "engine/table/rows.h"\n')
        self.expect("python may not include engine/table")

    def test_a_circle_is_found(self):
        self.write("CMakeLists.txt", "omen_room(engine/a DEPS engine/b)\nomen_room(engine/b DEPS engine/a)\n")
        self.expect("circle or unknown room among engine/a engine/b")

    def test_an_unknown_room_is_found(self):
        self.write("CMakeLists.txt", "omen_room(engine/a DEPS engine/lost)\n")
        self.expect("circle or unknown room among engine/a")

    def test_a_folder_without_a_room_line_is_found(self):
        self.write("engine/stray/thing.cc", "")
        self.expect("engine/stray: has sources but no omen_room line")

    def test_a_project_without_rooms_is_an_error(self):
        self.write("CMakeLists.txt", "project(x)\n")
        self.expect("no omen_room line")


if __name__ == "__main__":
    unittest.main()

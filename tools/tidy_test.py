#!/usr/bin/env python3
"""tidy.py finds every planted fault and lets clean text pass."""

import pathlib
import subprocess
import tempfile
import unittest

import tidy

CLEAN = """#include <vector>

namespace omendb {

// Adds: a { in a comment, and "{" in a string, must not confuse the count of braces.
struct Pair {
  Pair(int a, int b) : a_{a}, b_(b) {
    total_ = a + b;
  }
  const char* brace() const { return "{"; }
  char quote = '{';
  int a_, b_, total_ = 0;
};

}  // namespace omendb
"""


def long_function(signature, lines):
    return signature + " {\n" + "  step();\n" * (lines - 2) + "}\n"


class Tidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("engine/base/pair.h", CLEAN)
        self.write("README.md", "# A project\n")

    def write(self, path, content):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            target.write_text(content)

    def expect(self, fragment, times=1):
        found = tidy.check(self.root)
        self.assertEqual(len(found), times, found)
        self.assertIn(fragment, found[0])

    def test_clean_text_passes(self):
        self.assertEqual(tidy.check(self.root), [])

    def test_a_function_of_70_lines_passes_and_one_of_71_does_not(self):
        self.write("engine/base/long.cc", long_function("void run(int a)", 70))
        self.assertEqual(tidy.check(self.root), [])
        self.write("engine/base/long.cc", long_function("void run(int a)", 71))
        self.expect("long.cc:1: a function of 71 lines")

    def test_every_shape_of_signature_is_measured(self):
        signatures = [
            "Result<int> Table::read(size_t row) const noexcept",
            "auto read(int a) -> std::vector<int>",
            "TEST(Rows, AreKept)",
            "Pair::Pair(int a) : a_{a}, b_(a)",
            "template <typename T>\nvoid put(T value) requires std::integral<T>",
            "bool operator==(const Pair& other) const",
            "const auto walk = [](int a)",
        ]
        for signature in signatures:
            with self.subTest(signature):
                self.write("engine/base/long.cc", "namespace x {\n" + long_function(signature, 90) + "}\n")
                self.expect("a function of")

    def test_a_long_class_is_not_a_long_function(self):
        self.write("engine/base/long.h", "class Wide : public Base<int> {\n" + "  void step() {}\n" * 100 + "};\n")
        self.assertEqual(tidy.check(self.root), [])

    def test_a_long_python_function_is_found(self):
        self.write("tools/long.py", "def run():\n" + "    step()\n" * 70)
        self.expect("tools/long.py:1: a function of 71 lines")

    def test_names_that_say_nothing_are_found(self):
        for path in ["engine/common/a.h", "engine/base/string_utils.h", "cli/helper.py", "engine/base/lock_manager.cc"]:
            with self.subTest(path):
                self.write(path, "\n")
                self.expect("a name that says nothing")
                (self.root / path).unlink()

    def test_banned_words_are_found_in_code_and_prose(self):
        for word in [*tidy.BANNED_WORDS, "tmp" + "2"]:
            with self.subTest(word):
                self.write("docs/page.md", f"see {word} here\n")
                self.expect("banned word")

    def test_long_lines_are_found(self):
        self.write("engine/base/wide.h", "int " + "x" * 150 + ";\n")
        self.expect("columns")
        self.write("engine/base/wide.h", "// " + "x" * 150 + "\n")
        self.assertEqual(tidy.check(self.root), [])

    def test_tabs_and_spaces_at_the_end_are_found(self):
        self.write("engine/base/tab.h", "int a;\t// b\n")
        self.expect("a tab")
        self.write("engine/base/tab.h", "int a; \n")
        self.expect("space at the end")

    def test_code_in_comments_is_found_and_prose_is_not(self):
        for line in ["// total = a + b;", "//  if (a) {", "// return total;", "// step(a, b);", "// }", "// #include <map>"]:
            with self.subTest(line):
                self.write("engine/base/dead.cc", line + "\n")
                self.expect("code in a comment")
        for line in ["// The total (of a and b); see above", "//   auto db = open(path);", "// ids[i] = row of i; rows start at base"]:
            with self.subTest(line):
                self.write("engine/base/dead.cc", line + "\n")
                self.assertEqual(tidy.check(self.root), [])

    def test_python_code_in_comments_is_found_and_prose_is_not(self):
        self.write("tools/dead.py", "# total = step(a)\n")
        self.expect("code in a comment")
        self.write("tools/dead.py", "# total, then the rest\n# why: slow\n")
        self.assertEqual(tidy.check(self.root), [])

    def test_switched_off_code_is_found(self):
        self.write("engine/base/dead.cc", "#if 0\nint a;\n#endif\n")
        self.expect("#if 0")

    def test_system_headers_and_calls_are_found_outside_os_only(self):
        for text in ["#include <unistd.h>\n", "#include <sys/mman.h>\n", "int a() { return ::open(path, 0); }\n",
                     "void* a() { return mmap(nullptr, 1, 0, 0, 0, 0); }\n"]:
            with self.subTest(text):
                self.write("engine/table/raw.cc", text)
                self.expect("outside engine/os")
        (self.root / "engine/table/raw.cc").unlink()
        self.write("engine/os/raw.cc", "#include <unistd.h>\nint a() { return ::open(path, 0); }\n")
        self.write("engine/table/raw_test.cc", "#include <unistd.h>\n")
        self.write("engine/table/file.cc", "int a() { return file->open(path) + pool.mmap(3) + Database::open(path); }\n")
        self.assertEqual(tidy.check(self.root), [])

    def test_iostream_in_the_engine_is_found(self):
        self.write("engine/base/print.cc", "#include <iostream>\n")
        self.expect("<iostream>")

    def test_a_room_without_a_readme_is_found(self):
        self.write("CMakeLists.txt", "omen_room(engine/base)\n")
        self.expect("engine/base: no README.md")
        self.write("engine/base/README.md", "# base\n")
        self.expect("engine/base/README.md: not 5 to 25 lines")
        self.write("engine/base/README.md", "line\n" * 10)
        self.assertEqual(tidy.check(self.root), [])

    def test_paths_of_one_machine_are_found(self):
        self.write("docs/page.md", "run " + "/ro" + "ot/x\n")
        self.expect("a path of one machine")

    def test_large_files_are_found(self):
        self.write("docs/picture.png", b"\0" * ((1 << 20) + 1))
        self.expect("bytes, at most")

    def test_files_that_git_ignores_are_left_alone(self):
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        self.write(".gitignore", "/scratch/\n")
        self.write("scratch/a.cc", "int a; \n")
        self.assertEqual(tidy.check(self.root), [])
        self.write("engine/base/a.cc", "int a; \n")
        self.expect("space at the end")


if __name__ == "__main__":
    unittest.main()

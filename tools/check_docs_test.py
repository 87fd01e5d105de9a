#!/usr/bin/env python3
"""check_docs.py finds broken links and failing examples, and lets good ones pass."""

import pathlib
import sys
import tempfile
import unittest

import check_docs


class CheckDocs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "docs").mkdir()
        (self.root / "docs" / "page.md").write_text("# A page\n## Its `second` part\n")

    def complaints(self, text):
        (self.root / "README.md").write_text(text)
        return list(check_docs.broken_links(self.root, pathlib.PurePosixPath("README.md")))

    def test_links_to_files_and_headings_resolve(self):
        good = "[a](docs/page.md) [b](docs/page.md#its-second-part) [c](docs) [d](#top) [e](https://example.org/x)\n# Top\n"
        self.assertEqual(self.complaints(good), [])

    def test_a_missing_file_is_found(self):
        self.assertEqual(self.complaints("[a](docs/lost.md)\n"), ["README.md: no such file: docs/lost.md"])

    def test_a_missing_picture_is_found(self):
        self.assertEqual(self.complaints("![a](docs/lost.png)\n"), ["README.md: no such file: docs/lost.png"])

    def test_a_missing_heading_is_found(self):
        self.assertEqual(self.complaints("[a](docs/page.md#third)\n"), ["README.md: no such heading: docs/page.md#third"])

    def test_code_is_no_link(self):
        self.assertEqual(self.complaints("`[a](lost)`\n```\n[b](lost)\n```\n"), [])

    def test_examples_of_the_readme_and_docs_are_listed_with_their_lines(self):
        self.complaints("# x\n```python\nprint(1)\n```\n```sh\nls\n```\n```cpp\nint main() {}\n```\n```cpp\nint part;\n```\n")
        listed = [(where, language) for where, language, _ in check_docs.examples(self.root)]
        self.assertEqual(listed, [("README.md:2", "python"), ("README.md:8", "cpp")])

    def test_a_failing_example_is_found(self):
        python = self.root / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
        self.assertIsNone(check_docs.run_example(self.root, "README.md:2", "python", "assert 1 + 1 == 2\n"))
        complaint = check_docs.run_example(self.root, "README.md:2", "python", "assert 1 + 1 == 3\n")
        self.assertIn("README.md:2: the python example fails", complaint)


if __name__ == "__main__":
    unittest.main()

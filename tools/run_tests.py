#!/usr/bin/env python3
"""Runs everything that `make test` promises, step by step, counts what passed and says where the time went.

Every step writes build/logs/<step>.log; of a step that fails the end is printed. The last line is `N passed, N failed`
(with `, N skipped` when there are any), counted over single GoogleTest and pytest tests, and over whole programs where a ctest
entry is not a GoogleTest binary. The exit status is 1 when anything failed.
Usage: run_tests.py [--long] [--only step,step]    steps: see STEPS at the end of the file
"""

import argparse
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "logs"
JOBS = str(os.cpu_count() or 2)
TAIL_LINES = 60
FAILURE_LINES = 12  # of one failed test, in the list at the very end
SANITIZER_REPORT = re.compile(r"(?:WARNING|ERROR): \w+Sanitizer|: runtime error: ")
COMPILER_ERROR = re.compile(r":\d+:\d+: (?:fatal )?error:|undefined reference|^CMake Error")


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


@dataclasses.dataclass
class Options:
    long: bool


class StepFailed(Exception):
    """A command of a step failed; the step counts as one failure on top of the tests that it counted."""


class Step:
    """One log file and one running count. Commands run one after another; the first that fails ends the step."""

    def __init__(self, name, options):
        self.name = name
        self.options = options
        self.count = Count()
        self.skip_reason = ""
        self.failures = []  # what failed tests say, some lines each
        self.log_path = LOGS / f"{name}.log"
        self.log_path.write_text("")

    def try_run(self, *command, env=None):
        """Exit status of the command, whose output goes to the step's log."""
        with self.log_path.open("a") as log:
            log.write(f"\n$ {' '.join(map(str, command))}\n")
            log.flush()
            return subprocess.run(
                [str(part) for part in command], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, check=False,
            ).returncode

    def run(self, *command, env=None):
        status = self.try_run(*command, env=env)
        if status != 0:
            raise StepFailed(f"status {status} from: {' '.join(map(str, command))}")

    def log_digest(self):
        """What a reader needs first: compiler errors if there are any, else the end of the log."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        errors = [line for line in lines if COMPILER_ERROR.search(line)]
        return errors[:TAIL_LINES // 2] or lines[-TAIL_LINES:]


def describe_failure(case):
    """The lines of a failed test case that say why: a sanitizer's report, else the assertion, else the end of its output."""
    output = (case.findtext("system-out") or "").splitlines()
    report = next((i for i, line in enumerate(output) if SANITIZER_REPORT.search(line)), None)
    said = next((child for child in case if child.tag in ("failure", "error")), None)
    text = [] if said is None else (said.text or said.get("message") or "").strip().splitlines()
    lines = output[report:][:FAILURE_LINES] if report is not None else text[:FAILURE_LINES] or output[-FAILURE_LINES:]
    return [f"{case.get('classname', '')}.{case.get('name')}", *("  " + line for line in lines)]


def count_junit(step, path):
    """Count of a JUnit file's test cases (ctest, GoogleTest and pytest write nearly the same XML)."""
    count = Count()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if "failure" in kinds or "error" in kinds or case.get("status") == "fail":
            count.failed += 1
            step.failures.append(describe_failure(case))
        elif "skipped" in kinds or case.get("status") in ("notrun", "disabled") or case.get("result") == "skipped":
            count.skipped += 1
        else:
            count.passed += 1
    return count


def count_ctest(step, build, junit):
    """Like count_junit, but a GoogleTest binary counts by the tests inside it; one that died counts as one failure more."""
    total = Count()
    failed_names = []
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        inside = build / "gtest" / f"{case.get('name')}.xml"
        died = case.get("status") == "fail"
        if died:
            failed_names.append(case.get("name"))
        if inside.exists():
            count = count_junit(step, inside)
        else:
            count = Count(passed=int(case.get("status") == "run"), skipped=int(case.get("status") not in ("run", "fail")))
        if died and count.failed == 0:
            count.failed = 1
            step.failures.append(describe_failure(case))
        total.add(count)
    return total, failed_names


def ctest(step, build, *filters):
    """Runs the registered tests of a build folder that the filters select, and counts them."""
    junit = LOGS / f"{step.name}.junit.xml"
    junit.unlink(missing_ok=True)
    shutil.rmtree(build / "gtest", ignore_errors=True)
    env = {
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
        "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    }
    if step.options.long:
        env["OMENDB_TEST_SCALE"] = os.environ.get("OMENDB_TEST_SCALE", "20")
    timeout_s = 6 * 3600 if step.options.long else 900
    status = step.try_run("ctest", "--test-dir", build, "-j", JOBS, "--output-on-failure", "--timeout", timeout_s,
                          "--no-tests=error", "--output-junit", junit, *filters, env=env)
    if not junit.exists():
        raise StepFailed("ctest ran nothing")
    count, failed_names = count_ctest(step, build, junit)
    step.count.add(count)
    if status != 0 and count.failed == 0:
        step.count.failed += 1
    if status != 0:
        print(f"      failed: {' '.join(failed_names)}")


def configure_and_build(step, build, *options, targets=("all",)):
    """A build that fails counts as one failure; the tests that were built still run."""
    step.run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *options)
    if step.try_run("cmake", "--build", build, "-j", JOBS, "--target", *targets, "--", "-k", "0") != 0:
        step.count.failed += 1
        print("      the build failed")


def house(step):
    """Text checks that need no compiler: layers, tidy, links, and the checks' own tests."""
    build = ROOT / "build"
    step.run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_COMPILER=g++",
             "-DCMAKE_C_COMPILER=gcc")
    ctest(step, build, "-L", "^house$")


def release(step):
    """g++, optimised, warnings are errors: every library, test and bench, then every header alone, then all tests."""
    build = ROOT / "build"
    configure_and_build(step, build, targets=("all", "all_verify_interface_header_sets"))
    ctest(step, build, "-LE", "^house$")


def lint(step):
    """clang-format over all sources; clang-tidy over the library's: all checks but the static analyzer, ten times as long (`make tidy`)."""
    folders = ("bench", "engine", "examples", "hamt", "include", "python", "tests")
    sources = sorted(path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".h", ".cc", ".c"))
    step.run("clang-format", "--dry-run", "-Werror", *sources)
    step.run("python3", ROOT / "tools" / "clang_tidy.py", "--quick")
    step.count.passed += 1


def python(step):
    """The wheel as a user builds it, into .venv, then pytest of everything written in Python."""
    if not (ROOT / "pyproject.toml").exists():
        step.skip_reason = "no pyproject.toml yet"
        return
    step.run("bash", ROOT / "tools" / "python_package.sh")
    folders = [folder for folder in ("python/tests", "cli/tests", "tests") if list((ROOT / folder).glob("test_*.py"))]
    if not folders:
        raise StepFailed("no Python tests found")
    junit = LOGS / "pytest.junit.xml"
    junit.unlink(missing_ok=True)
    scale = {"OMENDB_TEST_SCALE": os.environ.get("OMENDB_TEST_SCALE", "20")} if step.options.long else {}
    status = step.try_run(ROOT / ".venv/bin/python", "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", f"--junitxml={junit}",
                          *folders, env=scale)
    if not junit.exists():
        raise StepFailed("pytest wrote no result")
    step.count.add(count_junit(step, junit))
    if status != 0 and step.count.failed == 0:
        step.count.failed += 1


def sanitized(step, build, sanitizer, *filters):
    configure_and_build(step, build, "-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_C_COMPILER=clang",
                        f"-DOMENDB_SANITIZE={sanitizer}")
    ctest(step, build, "-LE", "^(house|bench)$", *filters)


def asan(step):
    """clang with AddressSanitizer and UndefinedBehaviorSanitizer: all C++ tests at a tenth of their length."""
    sanitized(step, ROOT / "build-asan", "address")


def tsan(step):
    """clang with ThreadSanitizer: the same tests, where there are threads."""
    # Those that try every byte or operation in turn have the same threads each time: once under asan is enough, but for `make test-long`.
    sweeps = () if step.options.long else ("-E", "^system_(bit_flip|crash_states|disk_full|fault)$")
    sanitized(step, ROOT / "build-tsan", "thread", *sweeps)


STEPS = [house, release, python, lint, asan, tsan]


def run_step(function, options):
    """(step, seconds): prints a line before and after, and the end of the log when it failed."""
    step = Step(function.__name__, options)
    print(f"  {step.name:<8} {function.__doc__.splitlines()[0]}", flush=True)
    started = time.monotonic()
    reason = ""
    try:
        function(step)
    except StepFailed as failure:
        reason = str(failure)
        step.count.failed += 1
    seconds = time.monotonic() - started
    if step.count.failed:
        print("\n".join("      | " + line for line in step.log_digest()))
        print(f"      {reason or 'tests failed'}; everything: {step.log_path.relative_to(ROOT)}")
    elif step.skip_reason:
        print(f"      left out: {step.skip_reason}")
    return step, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="randomised and crash tests 20 times as long")
    parser.add_argument("--only", default="", help="comma-separated steps: " + ", ".join(s.__name__ for s in STEPS))
    arguments = parser.parse_args()
    wanted = [name for name in arguments.only.split(",") if name]
    unknown = set(wanted) - {function.__name__ for function in STEPS}
    if unknown:
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    LOGS.mkdir(parents=True, exist_ok=True)

    rows = [run_step(function, Options(arguments.long)) for function in STEPS if not wanted or function.__name__ in wanted]
    total = Count()
    print("\n  step         time  result")
    for step, seconds in rows:
        total.add(step.count)
        result = f"left out ({step.skip_reason})" if step.skip_reason else str(step.count)
        print(f"  {step.name:<8} {int(seconds) // 60:>3}:{int(seconds) % 60:02d} min  {result}")
    for step, _ in rows:
        for lines in step.failures:
            print(f"\n  {step.name}: " + "\n  ".join(lines))
    print(f"\n{total}", flush=True)
    return 1 if total.failed or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

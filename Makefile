# `make` alone prints what there is. Needs Debian 12 (or a like system) with make; everything else is installed by name.
.DEFAULT_GOAL := help
.PHONY: help demo test test-long bench bench-hamt format tidy docs install-deps package clean
MAKEFLAGS += --no-print-directory

BENCH_ARGS ?=
LIBHAMT ?=
IMMER ?=
SOURCES = $(shell git ls-files '*.h' '*.cc' '*.c')

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: package  ## build, then search 117,000 dictionary entries by words and by meaning, kill the writer, reopen (4 min the first time, then 1)
	@.venv/bin/omen demo

test: install-deps  ## every check and test: text, g++ release, Python, clang ASan+UBSan and TSan (about an hour on 2 cores)
	@python3 tools/run_tests.py

test-long: install-deps  ## the same with randomised, crash and corruption tests 20 times as long (hours)
	@python3 tools/run_tests.py --long

bench: package  ## OmenDB beside its peers on real and seeded sets (4 hours; BENCH_ARGS=--quick: 6 min)
	@tools/python_env.sh bench/requirements.txt
	@.venv/bin/python -m bench.compare $(BENCH_ARGS)

bench-hamt: install-deps  ## hamt beside other maps (hours; BENCH_ARGS=--quick: minutes; LIBHAMT= and IMMER= name checkouts of these two)
	@tools/python_env.sh requirements.txt bench/requirements.txt
	@cmake --preset release -DHAMT_BENCH_LIBHAMT=$(LIBHAMT) -DHAMT_BENCH_IMMER=$(IMMER) >/dev/null
	@cmake --build --preset release --target hamt_compare
	@.venv/bin/python -m bench.hamt.compare $(BENCH_ARGS)

format:  ## clang-format over all C and C++ sources (seconds)
	@clang-format -i $(SOURCES)
	@git diff --stat -- $(SOURCES)

tidy: install-deps  ## clang-tidy over all C++ sources (minutes)
	@python3 tools/clang_tidy.py

docs: package  ## checks every link and runs every example of README.md and docs/ (a minute)
	@python3 tools/check_docs.py --run

install-deps:  ## the Debian packages that are missing, by apt-get (nothing when all are there)
	@tools/install_deps.sh

package: install-deps  ## the Python package and the `omen` command, built into .venv (5 min the first time)
	@tools/python_package.sh

clean:  ## removes build folders and the private Python environment
	@rm -rf build build-asan build-tsan build-tidy .venv dist

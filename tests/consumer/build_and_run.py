#!/usr/bin/env python3
"""Installs a build, then builds and runs a user's project against it: by find_package and by pkg-config, in C++ and in C.

Usage: build_and_run.py <build folder> <C++ compiler> <C compiler>
"""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def run(*command, env=None):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env={**os.environ, **(env or {})})
    if done.returncode != 0:
        sys.exit(f"status {done.returncode} from {' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def by_find_package(prefix, scratch, cxx, c):
    build = scratch / "by_cmake"
    run("cmake", "-S", HERE, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={cxx}",
        f"-DCMAKE_C_COMPILER={c}")
    run("cmake", "--build", build)
    run(build / "consumer_cpp")
    run(build / "consumer_c")


def by_pkg_config(prefix, scratch, cxx, c):
    pc = next(prefix.rglob("omendb.pc"))
    env = {"PKG_CONFIG_PATH": str(pc.parent)}
    flags = run("pkg-config", "--cflags", "--libs", "omendb", env=env).split()
    rpath = f"-Wl,-rpath,{pc.parent.parent}"
    version = run("pkg-config", "--modversion", "omendb", env=env).strip()
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run(cxx, "-std=c++20", *strict, HERE / "consumer.cc", *flags, rpath, "-o", scratch / "by_pkg_config_cpp")
    run(c, "-std=c11", *strict, HERE / "consumer.c", *flags, rpath, "-o", scratch / "by_pkg_config_c")
    run(scratch / "by_pkg_config_cpp")
    run(scratch / "by_pkg_config_c")
    return version


def main():
    build, cxx, c = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
    scratch = build / "consumer"
    shutil.rmtree(scratch, ignore_errors=True)
    prefix = scratch / "prefix"
    run("cmake", "--install", build, "--prefix", prefix)
    by_find_package(prefix, scratch, cxx, c)
    version = by_pkg_config(prefix, scratch, cxx, c)
    print(f"omendb {version}: consumers built by find_package and by pkg-config ran")


if __name__ == "__main__":
    main()

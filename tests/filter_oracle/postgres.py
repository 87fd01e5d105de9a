"""A PostgreSQL server for one test: its data and its socket lie in a temporary folder, it has no port and never runs as root."""

import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile
import time

START_SECONDS_MAX = 60
USER = "omen"
SETTINGS = {
    "listen_addresses": "", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
    "autovacuum": "off", "jit": "off", "shared_buffers": "16MB", "max_connections": "5", "max_parallel_workers_per_gather": "0",
    "timezone": "UTC", "datestyle": "ISO, YMD", "log_min_messages": "panic", "log_min_error_statement": "panic",
}


def binaries():
    """The folder of the newest server that is installed, or None."""
    found = [path.parent for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb") if (path.parent / "postgres").exists()]
    return max(found, key=lambda path: int(re.sub(r"\D.*", "", path.parent.name) or 0), default=None)


def missing():
    """Why there can be no server here, or nothing."""
    if binaries() is None or shutil.which("psql") is None:
        return "no PostgreSQL to compare with: apt-get install postgresql-15"
    if os.geteuid() == 0 and _other_user() is None:
        return "PostgreSQL does not run as root, and there is no user postgres or nobody"
    return None


def _other_user():
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


class Server:
    """`with Server() as server: server.run("select 1;")`"""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="omendb-pg-"))
        self.process = None
        self.who = {}
        if os.geteuid() == 0:
            other = _other_user()
            os.chown(self.folder, other.pw_uid, other.pw_gid)
            self.who = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.terminate()  # waits for nobody: the only client is gone
            self.process.wait(START_SECONDS_MAX)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self):
        data, log = self.folder / "data", self.folder / "log"
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), "LC_ALL": "C"}
        surroundings = {"cwd": self.folder, "env": environment, **self.who}
        made = subprocess.run(
            [binaries() / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            capture_output=True, text=True, check=False, **surroundings)
        if made.returncode != 0:
            raise RuntimeError(f"initdb: {made.stdout}{made.stderr}")
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [binaries() / "postgres", "-D", data, "-k", self.folder, *options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **surroundings)
        last = time.monotonic() + START_SECONDS_MAX
        while self._psql("select 1;").returncode != 0:
            if self.process.poll() is not None or time.monotonic() > last:
                raise RuntimeError(f"the server does not start: {log.read_text()}")
            time.sleep(0.1)

    def _psql(self, script):
        command = ["psql", "-X", "-q", "-A", "-t", "-h", self.folder, "-U", USER, "-d", "postgres", "-f", "-"]
        environment = {**os.environ, "PGCLIENTENCODING": "UTF8"}
        return subprocess.run(command, input=script, capture_output=True, encoding="utf-8", check=False, env=environment)

    def run(self, script):
        """Statements that must all work; what they print."""
        done = self._psql("\\set ON_ERROR_STOP on\n" + script)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout

    def ask(self, queries):
        """What each query prints, in one go; None where it fails."""
        script = "".join(f"{query};\n\\echo @@{number} :ERROR\n" for number, query in enumerate(queries))
        answers = re.split(r"^@@(\d+) (true|false)\n", self._psql(script).stdout, flags=re.M)
        printed, numbers, failed = answers[:-1:3], answers[1::3], answers[2::3]
        if [int(number) for number in numbers] != list(range(len(queries))):
            raise RuntimeError(f"{len(queries)} queries, but {len(numbers)} answers")
        return [None if bad == "true" else text.rstrip("\n") for text, bad in zip(printed, failed, strict=True)]

    def failure(self, query):
        """What PostgreSQL says about a query that fails."""
        return self._psql(f"{query};\n").stderr.strip().split("\n")[0]

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from filter_oracle import postgres  # noqa: E402  (tests are no installed package)


@pytest.fixture(scope="module")
def server():
    reason = postgres.missing()
    if reason:
        pytest.skip(reason)
    with postgres.Server() as started:
        yield started

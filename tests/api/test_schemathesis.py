"""The OpenAPI document holds in practice: requests made from it, right and wrong ones, for every operation."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import pytest
from tests.api.scene import WORKER, a_token, api_server, environment, running

from supportix.identity.roles import Role

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
def impatient_api_url(make_database: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> Iterator[str]:
    """A server on a database of its own, which doesn't wait long for positions that nobody will reach."""
    with (
        make_database() as database,
        running([str(WORKER)], environment(database, 0), tmp_path / "worker.log"),
        api_server(database, tmp_path / "api.log", SUPPORTIX_CONSISTENCY_WAIT_SECONDS="0.02") as url,
    ):
        yield url


def test_the_document_holds(impatient_api_url: str, tmp_path: Path):
    options = {
        # An administrator whose account no request can find and disable.
        "--header": f"Authorization: Bearer {a_token(Role.ADMIN, uuid4())}",
        "--checks": "all",
        # It makes `If-Match: 0` from the pattern of a quoted number, and then calls that valid.
        "--exclude-checks": "positive_data_acceptance",
        "--phases": "examples,coverage,fuzzing",
        "--max-examples": "4",
        "--seed": "1",
        # Two threads that parse Python at once can fail with a SystemError in CPython 3.11 (python/cpython#106905).
        "--workers": "1",
        "--generation-database": "none",
        "--exclude-operation-id": "log_out",  # It ends the session that all other requests are sent in.
    }
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
            *("run", f"{impatient_api_url}/api/v1/openapi.json", "--continue-on-failure"),
            *(part for option in options.items() for part in option),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr[-2_000:]

"""The OpenAPI document holds in practice: requests made from it, right and wrong ones, for every operation."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from tests.api.scene import SECRET, Json

from supportix.api.backend import token_signer
from supportix.identity.roles import Role
from supportix.settings import Settings

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def a_token() -> str:
    """An administrator's whose account no request can find and disable."""
    return token_signer(Settings(secret=SECRET)).access(
        token_id=uuid4(),
        account_id=uuid4(),
        role=Role.ADMIN,
        name="Schemathesis",
        session_id=uuid4(),
        now=datetime.now(UTC),
        expires_at=datetime.now(UTC) + timedelta(minutes=15),
    )


def test_the_document_holds(api_url: str, a_waiting_ticket: Json, tmp_path: Path):
    options = {
        "--header": f"Authorization: Bearer {a_token()}",
        "--checks": "all",
        "--phases": "examples,coverage,fuzzing",
        "--max-examples": "4",
        "--seed": "1",
        "--workers": "2",
        "--exclude-operation-id": "log_out",  # It ends the session that all other requests are sent in.
    }
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"]
    arguments = [part for option in options.items() for part in option]

    finished = subprocess.run(
        [
            *command,
            f"{api_url}/api/v1/openapi.json",
            "--continue-on-failure",
            "--generation-database",
            "none",
            *arguments,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert a_waiting_ticket
    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr[-2_000:]

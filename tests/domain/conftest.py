"""The domain does no I/O: whoever opens a socket here fails."""

import pytest


@pytest.fixture(autouse=True)
def _no_network(socket_disabled: None) -> None:
    """`socket_disabled` is pytest-socket's."""

"""Serves the API with granian: one process that listens, and `api_processes` that answer, each with its own parts."""

import gc
import os
import sys
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from supportix.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from litestar import Litestar

BACKLOG = 2_048


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, which end it in order. Raises SettingRefused, SystemExit where it can't start."""
    settings.required_database_url()
    settings.required_secret()
    os.environ.update(environment_of(settings))
    if settings.api_processes == 1:
        _serve(settings)
        return
    with tempfile.TemporaryDirectory(prefix="supportix-metrics-") as figures:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures
        _serve(settings)


def environment_of(settings: Settings) -> Mapping[str, str]:
    """The settings as the environment variables from which `load_settings` makes them again."""
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return {PREFIX + name.upper(): str(value) for name, value in values.items() if value is not None}


def application() -> "Litestar":
    """The application of one worker process, by the settings in its environment."""
    gc.disable()  # Nothing that is imported or made now is garbage before the process ends.
    from supportix.api.app import create_app
    from supportix.logs import configure_logging

    settings = load_settings()
    configure_logging(settings, "api")
    app = create_app(settings)
    gc.freeze()
    gc.enable()
    return app


def _serve(settings: Settings) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels

    server = Granian(
        f"{__name__ if __name__ != '__main__' else 'supportix.api.server'}:application",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.api_processes,
        http=HTTPModes.http1,
        backlog=BACKLOG,
        factory=True,
        log_access=False,
        log_level=LogLevels.warning,
    )
    server.serve()


if __name__ == "__main__":
    serve(load_settings())
    sys.exit(0)

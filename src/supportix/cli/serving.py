"""`supportix api` and `supportix worker`: one process each, on as many machines as needed, until SIGTERM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from supportix.cli.environment import command_settings
from supportix.cli.owner import end_with_owner

if TYPE_CHECKING:
    from supportix.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65_535), help="[default: 8000]")
def api(host: str | None, port: int | None) -> None:
    """Serve the HTTP and WebSocket API."""
    end_with_owner()
    from supportix.api.server import serve
    from supportix.logs import configure_logging

    settings = command_settings(host=host, port=port)
    configure_logging(settings, "api")
    settings.required_database_url()
    settings.required_secret()
    serve(settings)


@click.command()
def worker() -> None:
    """Keep the read models up, give tickets to agents, relay events.

    Workers share the work through leases: start as many as you like, where you like.
    """
    end_with_owner()
    from supportix.logs import configure_logging
    from supportix.running import run_worker

    settings = command_settings()
    configure_logging(settings, "worker")
    run_worker(settings)


@click.command("demo-arrivals", hidden=True)
def demo_arrivals() -> None:
    """Keep tickets coming in, for the demo."""
    end_with_owner()
    from supportix.logs import configure_logging
    from supportix.running import run_until_stopped

    settings = command_settings()
    configure_logging(settings, "demo-arrivals")
    run_until_stopped(_arrive(settings))


async def _arrive(settings: Settings) -> None:
    from supportix.bootstrap import open_core
    from supportix.demo.live import live_arrivals

    async with open_core(settings) as core:
        await live_arrivals(core)

"""The documents about the API: OpenAPI, its pages, and one page per problem type. All of it works offline."""

import html
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from supportix.api.access import Audience
from supportix.api.endpoints import Endpoint
from supportix.api.problems import every_refusal, slug, status_of
from supportix.api.refusals import RouteNotFound

PUBLIC = {"needs": Audience.ANYONE}
ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

_STATIC = Path(__file__).parent / "static" / "swagger"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/docs/icon.svg" type="image/svg+xml">
{head}
</head>
<body>
{body}
</body>
</html>
"""
_SWAGGER = _PAGE.format(
    title="Supportix API",
    head='<link rel="stylesheet" href="/docs/swagger-ui.css">',
    body='<div id="swagger-ui"></div>\n<script src="/docs/swagger-ui-bundle.js"></script>\n'
    '<script src="/docs/start.js"></script>',
)


def handlers(endpoints: Sequence[Endpoint], prefix: str) -> list[ControllerRouterHandler]:
    """Routes of the documents."""

    @cache
    def encoded() -> bytes:
        from supportix.api.openapi import document

        return msgspec.json.encode(document(endpoints, prefix))

    @get(f"{prefix}/openapi.json", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
    def openapi_document() -> Response[bytes]:
        return Response(encoded(), media_type="application/json")

    return [openapi_document, docs_page, docs_asset, problem_list, problem_page]


@get("/docs", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def docs_page() -> Response[str]:
    return _page(_SWAGGER)


@get("/docs/{name:str}", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def docs_asset(name: FromPath[str]) -> Response[bytes]:
    """Refused: RouteNotFound."""
    if name not in ASSETS:
        raise RouteNotFound(f"one of these files was expected: {', '.join(ASSETS)}")
    return Response(_asset(name), media_type=ASSETS[name])


@get("/problems", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def problem_list() -> Response[str]:
    """All problem types, by status."""
    kinds = sorted(_problems().values(), key=lambda kind: (status_of(kind), slug(kind)))
    rows = "\n".join(
        f'<li>{status_of(kind)} <a href="/problems/{slug(kind)}">{slug(kind)}</a>: {html.escape(kind.title())}</li>'
        for kind in kinds
    )
    return _page(_PAGE.format(title="Problem types", head="", body=f"<h1>Problem types</h1>\n<ul>\n{rows}\n</ul>"))


@get("/problems/{name:str}", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def problem_page(name: FromPath[str]) -> Response[str]:
    """What a problem's `type` leads to. Refused: RouteNotFound."""
    kind = _problems().get(name)
    if kind is None:
        raise RouteNotFound("a problem type that /problems lists was expected")
    body = (
        f"<h1>{html.escape(kind.title())}</h1>\n<p>Type <code>/problems/{name}</code>, status {status_of(kind)}.</p>\n"
        "<p>The field <code>detail</code> of the answer says what was expected this time.</p>\n"
        '<p><a href="/problems">All problem types</a></p>'
    )
    return _page(_PAGE.format(title=name, head="", body=body))


def _page(content: str) -> Response[str]:
    return Response(
        content, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    )


@cache
def _asset(name: str) -> bytes:
    return (_STATIC / name).read_bytes()


@cache
def _problems() -> dict[str, Any]:
    return {slug(kind): kind for kind in every_refusal()}

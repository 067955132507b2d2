"""The OpenAPI 3.1 document, made from the endpoints' declarations and their types, so that neither can disagree."""

from supportix.api.openapi.document import document

__all__ = ["document"]

"""The REST API: commands and queries over HTTP, its problem documents, and the OpenAPI document that describes them."""

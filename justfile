# The same checks as continuous integration.
check:
    .ci/run

up *ARGS:
    uv run supportix up {{ARGS}}

test *ARGS:
    uv run pytest {{ARGS}}

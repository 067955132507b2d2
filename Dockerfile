# One image for every process: `supportix api`, `supportix worker`, `supportix migrate`.
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir "uv>=0.13,<1"
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/supportix
WORKDIR /source
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE hatch_build.py ./
COPY migrations migrations
COPY src src
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home supportix
COPY --from=build /opt/supportix /opt/supportix
ENV PATH=/opt/supportix/bin:$PATH PYTHONUNBUFFERED=1 SUPPORTIX_LOG_FORMAT=json
USER supportix
WORKDIR /home/supportix
EXPOSE 8000
ENTRYPOINT ["supportix"]
CMD ["api", "--host", "0.0.0.0"]

# The MCP server over HTTP, for many callers: each brings an Oxen key of its own, or a token of your identity provider.
#   docker build -t oxen-video-mcp . && docker run --read-only --tmpfs /tmp --cap-drop ALL -p 127.0.0.1:8765:8765 oxen-video-mcp
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /src
COPY locked locked
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r locked/build.txt \
 && python -m venv /opt/oxen \
 && /opt/oxen/bin/pip install --no-cache-dir --require-hashes -r locked/server.txt
COPY pyproject.toml README.md LICENSE ./
COPY oxen_video_tools oxen_video_tools
ENV SETUPTOOLS_SCM_PRETEND_VERSION=0.1.0
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/oxen/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl \
 && /opt/oxen/bin/python -m compileall -q /opt/oxen/lib

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
COPY --from=build /opt/oxen /opt/oxen
COPY mcp_server.py /srv/
RUN useradd --create-home --uid 10001 oxen && mkdir /videos && chown oxen /videos
USER oxen
WORKDIR /srv
ENV PATH=/opt/oxen/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OXEN_VIDEO_OUTPUT_DIR=/videos \
    OXEN_VIDEO_MCP_LOG=json
VOLUME /videos
EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=3s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8765/readyz', timeout=2)"]
# exec form: the server itself hears the signal to stop, ends waits with their ids, then leaves
CMD ["oxen-video-mcp", "--http", "--host", "0.0.0.0", "--port", "8765"]

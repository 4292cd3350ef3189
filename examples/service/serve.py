"""Serves a saved model: python examples/service/serve.py model.safetensors --port 8000"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvicorn
from app import LIMITS

import fusednn

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"service": {"level": "INFO"}, "uvicorn": {"level": "WARNING"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}


def whole(least, most):
    """A converter for argparse: an integer from `least` to `most`."""

    def integer(text):
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least} to {most}, not {value}")
        return value

    return integer


COUNT = whole(1, 2**31 - 1)


def main(arguments=None):
    """Serves until SIGTERM or Ctrl-C, then finishes the requests in progress."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a file that Predictor.save wrote")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 means all interfaces")
    parser.add_argument("--port", type=whole(0, 65535), default=8000)
    parser.add_argument("--workers", type=COUNT, default=1, help="processes; best one per core")
    parser.add_argument("--max-body", type=COUNT, default=LIMITS.body, help="bytes")
    parser.add_argument("--max-rows", type=COUNT, default=LIMITS.rows)
    parser.add_argument("--max-tokens", type=COUNT, default=LIMITS.tokens, help="of a text")
    parser.add_argument("--max-prompt", type=COUNT, default=LIMITS.prompt, help="tokens")
    parser.add_argument(
        "--max-writing", type=COUNT, default=int(LIMITS.writing), help="seconds of a text"
    )
    parser.add_argument(
        "--max-texts", type=COUNT, default=LIMITS.texts, help="written at once, per process"
    )
    parser.add_argument(
        "--max-connections", type=COUNT, default=1000, help="open at once, per process"
    )
    parser.add_argument("--access-log", action="store_true", help="a line for each request")
    options = parser.parse_args(arguments)
    if not options.model.is_file():
        parser.error(f"no file {options.model}")
    try:
        fusednn.load(options.model)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    os.environ["SERVICE_MODEL"] = str(options.model.resolve())
    for name in ("body", "rows", "tokens", "prompt", "writing", "texts"):
        os.environ[f"SERVICE_MAX_{name.upper()}"] = str(getattr(options, f"max_{name}"))
    if options.access_log:
        LOGGING["loggers"]["uvicorn.access"] = {"level": "INFO"}
    with ExitStack() as stack:
        if options.workers > 1:  # every process reports the metrics of all
            folder = tempfile.TemporaryDirectory(prefix="service-metrics-")
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(folder)
        uvicorn.run(
            "app:from_environment",
            factory=True,
            app_dir=str(Path(__file__).parent),
            host=options.host,
            port=options.port,
            workers=options.workers,
            limit_concurrency=options.max_connections,
            access_log=options.access_log,
            log_config=LOGGING,
            timeout_graceful_shutdown=10,
        )


if __name__ == "__main__":
    main()

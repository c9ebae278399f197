"""Logging: constant events with fields, one line of JSON each, or coloured columns on a terminal."""

from __future__ import annotations

import logging
import sys

import structlog

from callscope.settings import Settings


def configure_logging(settings: Settings) -> None:
    """
    Send every log line of this process, Celery's and boto3's too, to standard error in one form.

    Lines carry ids, never what was said in a call.
    """
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    rendered: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # At debug these print request headers, with signatures in them.
    for chatty in ("boto3", "botocore", "urllib3", "s3transfer", "amqp"):
        logging.getLogger(chatty).setLevel(max(level, logging.INFO))
    # It prints the URL of each request, and a webhook's may hold a secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if level > logging.DEBUG:
        # It tells of each step that it takes, and of its own set-up.
        logging.getLogger("alembic").setLevel(logging.WARNING)

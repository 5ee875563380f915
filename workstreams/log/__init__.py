"""Structured lines: how a job writes one, how it reaches Redis, and how it is read back.

A job's line goes ``get_logger`` → pipe of its process → supervisor → ``Shipper`` → a stream of its
workstream, where ``follow`` and ``lines_of_job`` find it among the events that the scripts wrote.
"""

from workstreams.log.follow import Line, follow
from workstreams.log.frames import FrameReader
from workstreams.log.history import lines_of_job
from workstreams.log.lines import line_of
from workstreams.log.pipe import PipeWriter
from workstreams.log.redact import redacted
from workstreams.log.render import PrettyRenderer, json_line, renderer
from workstreams.log.setup import configure_logging, get_logger
from workstreams.log.ship import Shipper

__all__ = [
    "FrameReader",
    "Line",
    "PipeWriter",
    "PrettyRenderer",
    "Shipper",
    "configure_logging",
    "follow",
    "get_logger",
    "json_line",
    "line_of",
    "lines_of_job",
    "redacted",
    "renderer",
]

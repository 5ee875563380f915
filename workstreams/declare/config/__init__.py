"""The config: YAML, environment and flags, read into frozen models, or refused with every fault."""

from workstreams.declare.config.config import EMBEDDED, Config
from workstreams.declare.config.limits import Limit, NamedLimit, OnRateLimited, PerKey, RateLimit
from workstreams.declare.config.loading import config_from_mapping, load_config
from workstreams.declare.config.schedule import Schedule
from workstreams.declare.config.schema import json_schema
from workstreams.declare.config.settings import LogSettings, WebSettings
from workstreams.declare.config.worker import Pool, Recycle, WorkerSettings
from workstreams.declare.config.workstream import Keep, KeepJobs, KeepLogs, Retries, Workstream

__all__ = [
    "EMBEDDED",
    "Config",
    "Keep",
    "KeepJobs",
    "KeepLogs",
    "Limit",
    "LogSettings",
    "NamedLimit",
    "OnRateLimited",
    "PerKey",
    "Pool",
    "RateLimit",
    "Recycle",
    "Retries",
    "Schedule",
    "WebSettings",
    "WorkerSettings",
    "Workstream",
    "config_from_mapping",
    "json_schema",
    "load_config",
]

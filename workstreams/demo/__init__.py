"""The demo: real webhooks over HTTP and real files, with a receiver that counts for itself."""

from workstreams.demo.demo import Demo
from workstreams.demo.settings import demo_config

__all__ = ["Demo", "demo_config"]

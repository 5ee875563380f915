"""Blocks outside of jobs that stay within the same limits: a web request that calls an upstream itself."""

from workstreams.guest.block import LimitBlock
from workstreams.guest.desk import Desks

__all__ = ["Desks", "LimitBlock"]

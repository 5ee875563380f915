"""https://dramatiq.io/cookbook.html: scheduling."""

from __future__ import annotations

import threading

import dramatiq

from tests.dramatiq.support import Start


def test_a_scheduler_may_call_send(worker: Start) -> None:
    from apscheduler.schedulers.background import BackgroundScheduler

    ran = threading.Event()

    @dramatiq.actor
    def print_current_date() -> None:
        ran.set()

    worker()
    scheduler = BackgroundScheduler()
    scheduler.add_job(print_current_date.send, "interval", seconds=0.05)
    scheduler.start()
    try:
        assert ran.wait(5)
    finally:
        scheduler.shutdown()

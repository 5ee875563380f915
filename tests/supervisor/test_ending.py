import signal

import pytest

from workstreams.supervisor.ending import how_it_ended


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGKILL, "its process was ended by SIGKILL"),
        (-signal.SIGSEGV, "its process was ended by SIGSEGV"),
        (9, "its process ended with exit code 9"),
    ],
)
def test_an_exit_status_is_told_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words

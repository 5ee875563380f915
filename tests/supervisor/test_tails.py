import json

from workstreams.supervisor.tails import JOBS, LINES, LONGEST, Tails


def test_the_last_lines_of_a_job_are_kept_in_their_order() -> None:
    tails = Tails()
    for number in range(LINES + 5):
        tails.put("mail", "j1", {"event": f"line {number}"})
    tails.put("mail", "j2", {"event": "another's"})
    said = [json.loads(line)["event"] for line in tails.of("mail/j1")]
    assert said == [f"line {number}" for number in range(5, LINES + 5)]


def test_what_the_process_printed_last_follows_since_it_may_be_why() -> None:
    tails = Tails()
    tails.put("mail", "j1", {"event": "by the job"})
    tails.put_output({"event": "output", "text": "Fatal Python error: Segmentation fault"})
    assert [json.loads(line)["event"] for line in tails.of("mail/j1")] == ["by the job", "output"]
    assert [json.loads(line)["event"] for line in tails.of("mail/none")] == ["output"]


def test_many_jobs_and_long_lines_take_no_more_than_their_room() -> None:
    tails = Tails()
    for number in range(JOBS + 1):
        tails.put("mail", f"j{number}", {"event": "here", "level": "info", "payload": "x" * 10 * LONGEST})
    assert tails.of("mail/j0") == []
    [line] = tails.of("mail/j1")
    assert len(line) <= LONGEST
    assert json.loads(line)["event"] == "here"

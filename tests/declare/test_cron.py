"""Cron text means what it means in a crontab, and what means nothing is refused with a hint."""

from __future__ import annotations

from datetime import date

import pytest

from workstreams.declare.cron import NICKNAMES, parse_cron


def days_of(text: str, year: int, month: int) -> list[int]:
    """The days of a month that a text names."""
    cron = parse_cron(f"0 0 {text}")
    days = (date.fromordinal(date(year, month, 1).toordinal() + n) for n in range(31))
    return [day.day for day in days if day.month == month and cron.names(day)]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0 0 * * 0", "0 0 * * 7"),
        ("0 0 * * sun", "0 0 * * 7"),
        ("0 0 * jan,FEB mon-Fri", "0 0 * 1,2 1-5"),
        ("0 0 * * fri-sun", "0 0 * * 0,5,6"),
        ("0-30/15,45 8-10 * * *", "0,15,30,45 8,9,10 * * *"),
        ("5/20 * * * *", "5-59/20 * * * *"),
        ("  05 3 * * *  ", "5 3 * * *"),
        ("0 0 * * tue#3", "0 0 * * 2#3"),
        *NICKNAMES.items(),
    ],
)
def test_two_ways_to_write_the_same(text: str, same: str) -> None:
    assert parse_cron(text) == parse_cron(same)


def test_a_weekday_and_a_day_of_the_month_that_are_both_restricted_mean_either() -> None:
    assert days_of("13 * fri", 2026, 11) == [6, 13, 20, 27]
    assert days_of("13 * mon", 2026, 11) == [2, 9, 13, 16, 23, 30]


def test_a_field_that_begins_with_a_star_leaves_the_decision_to_the_other() -> None:
    assert days_of("*/2 * mon", 2026, 11) == [9, 23]
    assert days_of("13 * */7", 2026, 11) == []


def test_the_nth_weekday_and_the_last_day_of_a_month() -> None:
    assert days_of("* * tue#3", 2026, 11) == [17]
    assert days_of("* * mon#1,fri#5", 2026, 1) == [5, 30]
    assert days_of("L * *", 2028, 2) == [29]
    assert days_of("1,L * *", 2026, 11) == [1, 30]


def test_the_first_monday_of_every_third_month_is_one_line() -> None:
    cron = parse_cron("0 9 * */3 mon#1")
    days = [day for n in range(365) if cron.names(day := date.fromordinal(date(2026, 1, 1).toordinal() + n))]
    assert days == [date(2026, 1, 5), date(2026, 4, 6), date(2026, 7, 6), date(2026, 10, 5)]


@pytest.mark.parametrize(
    ("text", "expected", "hint"),
    [
        ("* * *", "five fields", ""),
        ("", "five fields", ""),
        ("0 0 * * * *", "five fields", "write every: 10s"),
        ("@dayly", "five fields", 'did you mean "@daily"?'),
        ("@reboot", "five fields", ""),
        ("61 * * * *", "minutes (1st field) are from 0 to 59", '"61" is none'),
        ("* 24 * * *", "hours (2nd field) are from 0 to 23", '"24" is none'),
        ("* * 0 * *", "days of the month (3rd field) are from 1 to 31", '"0" is none'),
        ("* * * 13 *", "months (4th field) are from 1 to 12 or jan to dec", '"13" is none'),
        ("* * * * 8", "weekdays (5th field) are from 0 to 7 or sun to sat", '"8" is none'),
        ("* * * * tuesday", "weekdays", 'did you mean "tue"?'),
        ("* * * mon *", "months", '"mon" is none'),
        ("-1 * * * *", "minutes", '"-1" is none'),
        ("1,,2 * * * *", "minutes", '"" is none'),
        ("٣ * * * *", "minutes", '"٣" is none'),
        ("1.5 * * * *", "minutes", '"1.5" is none'),
        ("1#2 * * * *", "minutes", '"1#2" is none'),
        ("* * L-3 * *", "days of the month", '"l-3" is none'),
        ("*/0 * * * *", "a step from 1 to 60", '"*/0"'),
        ("*/90 * * * *", "a step from 1 to 60", "write every: 90m"),
        ("*/ * * * *", "a step from 1 to 60", '"*/"'),
        ("50-10 * * * *", "ranges of minutes (1st field) rise", "write it as two, with a comma"),
        ("* * * * mon#6", "from 1 to 5", '"mon#6"'),
        ("* * * * mon#", "from 1 to 5", '"mon#"'),
        ("* * * * #1", "weekdays", '"#1" is none'),
        ("0 0 31 2 *", "a day which exists", ""),
        ("0 0 31 4,jun *", "a day which exists", ""),
    ],
)
def test_what_means_nothing_is_refused(text: str, expected: str, hint: str) -> None:
    with pytest.raises(ValueError, match="cron") as caught:
        parse_cron(text)
    found, told = (*caught.value.args, "")[:2]
    assert expected in found
    assert hint in told


def test_a_day_that_comes_once_in_many_years_is_no_mistake() -> None:
    assert parse_cron("0 0 29 2 *").names(date(2028, 2, 29))
    assert parse_cron("0 0 * 2 mon#5").names(date(2044, 2, 29))

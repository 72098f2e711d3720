import threading

import pytest

from motes.data.ahead import made_ahead


def test_results_come_in_order():
    assert list(made_ahead(lambda n: n * n, range(5))) == [0, 1, 4, 9, 16]
    assert list(made_ahead(str, [])) == []


def test_the_next_is_made_while_the_present_one_is_used():
    second_started = threading.Event()

    def make(number: int) -> int:
        if number == 1:
            second_started.set()
        return number

    pieces = made_ahead(make, range(3))
    assert next(pieces) == 0
    assert second_started.wait(timeout=5)


def test_an_error_arrives_where_its_result_would():
    pieces = made_ahead(lambda n: 1 // n, [1, 0])
    assert next(pieces) == 1
    with pytest.raises(ZeroDivisionError):
        next(pieces)


def test_several_makers_keep_the_order_and_stay_no_further_ahead_than_they_are():
    made, used = [], []

    def make(number: int) -> int:
        made.append(number)
        return number

    for number in made_ahead(make, range(20), makers=4):
        used.append(number)
        assert len(made) <= len(used) + 4
    assert used == list(range(20))

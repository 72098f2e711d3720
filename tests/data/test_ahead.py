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

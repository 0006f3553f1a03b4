"""The order of statements in which few values wait."""

from __future__ import annotations

import random

import pytest

from symgrad.lower.scalars.order import Simple, ordered
from symgrad.lower.scalars.program import Let, Load, Number, Store
from symgrad.ops.arithmetic import Product


def load(value: int) -> Load:
    return Load(value, f"x{value}", ("i",))


def product(value: int, *arguments: int) -> Let:
    return Let(value, Product(), arguments)


def store(value: int) -> Store:
    return Store("y", (value, "i"), value)


def read(s: Simple) -> tuple[int, ...]:
    return s.arguments if isinstance(s, Let) else (s.value,) if isinstance(s, Store) else ()


def most_waiting(body: list[Simple]) -> int:
    """How many values wait for a reader at a time."""
    last = {v: k for k, s in enumerate(body) for v in read(s)}
    waiting: set[int] = set()
    most = 0
    for k, s in enumerate(body):
        if not isinstance(s, Store):
            waiting.add(s.value)
        waiting = {v for v in waiting if last.get(v, -1) > k}
        most = max(most, len(waiting))
    return most


def random_body(seed: int) -> list[Simple]:
    choose = random.Random(seed)
    body: list[Simple] = [load(k) for k in range(10)]
    body += [product(k, *choose.sample(range(max(k - 40, 0), k), 2)) for k in range(10, 200)]
    return body + [store(k) for k in range(150, 200)]


def test_a_value_is_used_up_before_the_next_is_loaded() -> None:
    body = [*[load(k) for k in range(4)], *[product(4 + k, k, k) for k in range(4)], *[store(4 + k) for k in range(4)]]
    assert most_waiting(body) == 4
    assert most_waiting(ordered(body)) == 1


def test_equal_statements_stay_in_their_order() -> None:
    body = [load(0), product(1, 0, 0), store(1), load(2), product(3, 2, 2), store(3)]
    assert ordered(body) == body


def test_a_statement_comes_sooner_once_it_is_the_last_reader() -> None:
    body = [load(0), load(1), product(2, 0, 1), product(3, 0, 0), product(4, 1, 1), store(2), store(3), store(4)]
    assert most_waiting(ordered(body)) <= most_waiting(body)
    assert ordered(body).index(body[7]) < 8


@pytest.mark.parametrize("seed", range(20))
def test_every_statement_stands_once_after_what_it_reads(seed: int) -> None:
    body = random_body(seed)
    found = ordered(body)
    assert len(found) == len(body)
    assert set(found) == set(body)
    made: set[int] = set()
    for s in found:
        assert set(read(s)) <= made
        if not isinstance(s, Store):
            made.add(s.value)


@pytest.mark.parametrize("seed", range(5))
def test_fewer_values_wait(seed: int) -> None:
    body = random_body(seed)
    assert most_waiting(ordered(body)) <= most_waiting(body)


def test_what_comes_from_outside_is_there() -> None:
    body = [product(5, 1, 2), Number(6, 3), product(7, 5, 6), store(7)]
    assert [s for s in ordered(body) if not isinstance(s, Number)] == [body[0], body[2], body[3]]


def test_it_takes_little_time_for_many_statements() -> None:
    """Where looking at all that are ready would be 10^9 steps; and two sums of all would rank each other as often."""
    count = 20_000
    body = [*[load(k) for k in range(count)], *[product(count + k, k, k) for k in range(count)]]
    body += [product(2 * count + k, *range(count, 2 * count)) for k in range(2)]
    assert len(ordered([*body, *[store(2 * count + k) for k in range(2)]])) == 2 * count + 4


def looked_through(body: list[Simple]) -> list[Simple]:
    """The order by its definition: at each step all that could come next are ranked anew."""
    left, found = list(range(len(body))), list[Simple]()

    def is_ready(k: int) -> bool:
        return not any(isinstance(made := body[j], (Load, Number, Let)) and made.value in read(body[k]) for j in left)

    def rank(k: int) -> tuple[int, int]:
        made = {s.value for s in body if not isinstance(s, Store)}
        others = {v for j in left if j != k for v in read(body[j])}
        begun = 2 if isinstance(body[k], Load) else 0 if isinstance(body[k], Store) else 1
        return begun - len(made & set(read(body[k])) - others), k

    while left:
        following = min(filter(is_ready, left), key=rank)
        left.remove(following)
        found.append(body[following])
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_order_is_that_of_ranking_all_at_each_step(seed: int) -> None:
    choose = random.Random(seed)
    body: list[Simple] = [choose.choice([load(k), Number(k, k)]) for k in range(6)]
    body += [product(k, *choose.choices([*range(max(k - 9, 0), k), -1], k=3)) for k in range(6, 40)]
    body += [store(k) for k in choose.sample(range(40), 12)]
    assert ordered(body) == looked_through(body)

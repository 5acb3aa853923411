"""Shards: whole patients, the same cut everywhere, as even as patients allow."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from cxredge.errors import InputError
from cxredge.shard import MOST, Shard, cut, parse_shard


def drawn(seed: int, patients: int) -> list[str]:
    """Films of patients with one to nine films each, in any order."""
    rng = random.Random(seed)
    owners = [f"p{number}" for number in range(patients) for _ in range(rng.randint(1, 9))]
    rng.shuffle(owners)
    return owners


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("of", [1, 2, 3, 7, 40])
def test_patients_stay_together_and_shards_are_even(seed: int, of: int) -> None:
    owners = drawn(seed, 40)
    numbers = cut(owners, of).tolist()
    shards = defaultdict(set)
    for owner, number in zip(owners, numbers, strict=True):
        shards[owner].add(number)
    assert {len(found) for found in shards.values()} == {1}
    films = Counter(numbers)
    assert set(films) == set(range(1, of + 1))
    assert max(films.values()) - min(films.values()) <= max(Counter(owners).values())


def test_the_cut_is_known_and_does_not_depend_on_the_process_or_the_order_of_films() -> None:
    assert cut(["b", "a", "c", "a", "d"], 2).tolist() == [2, 1, 2, 1, 1]
    owners = drawn(1, 30)
    script = f"from cxredge.shard import cut; print(cut({owners!r}, 4).tolist())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    numbers = cut(owners, 4).tolist()
    assert done.stdout.strip() == str(numbers)
    backwards = cut(owners[::-1], 4).tolist()
    assert backwards[::-1] == numbers


def test_more_shards_than_patients_are_refused_by_the_first_that_would_be_empty() -> None:
    assert cut(["a", "b", "b"], 2).tolist() == [2, 1, 1]
    with pytest.raises(InputError, match="SHARD-EMPTY") as caught:
        cut(["a", "b", "b"], 3)
    assert "3 films of 2 patients" in caught.value.cause
    assert "shard 3 would be empty" in caught.value.cause


def test_a_shard_is_named_by_its_number_and_how_many_there_are() -> None:
    assert parse_shard("2/4") == Shard(2, 4)
    assert str(parse_shard(f"{MOST}/{MOST}")) == f"{MOST}/{MOST}"
    for text in ("", "2", "0/4", "5/4", "-1/4", "1/0", "2/4/8", " 2/4", "2/4\n", "١/٤", "1/10001", "9" * 5000, "1.0/2"):
        with pytest.raises(InputError, match="SHARD-NUMBER"):
            parse_shard(text)

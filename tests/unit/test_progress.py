"""Long work tells how far it has come: not at once, not too often, not after the end."""

import pytest

from kinechain.progress import Progress, time_words


def told(seconds_a_piece: float, pieces: int) -> list[str]:
    lines: list[str] = []
    now = [0.0]
    progress = Progress(pieces, "draws", clock=lambda: now[0], tell=lines.append)
    for _ in range(pieces):
        now[0] += seconds_a_piece
        progress.add(1)
    return lines


def test_short_work_says_nothing() -> None:
    assert told(0.9, 10) == []


def test_long_work_says_how_much_is_done_and_left() -> None:
    assert told(4.0, 10) == [
        "3 of 10 draws, about 28 s left",
        "6 of 10 draws, about 16 s left",
        "9 of 10 draws, about 4 s left",
    ]


def test_many_small_pieces_do_not_fill_the_log() -> None:
    assert len(told(0.01, 10_000)) == 9


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (9000, "2.5 h")]
)
def test_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert time_words(seconds) == words

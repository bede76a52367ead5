"""Pseudonyms: names and other words about a person as keyed hashes, with a key that stays outside the study.

A plain hash of a name is no secret, as anybody can hash the names they know. With a key it is: HMAC-SHA256, RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kinechain.errors import Problem, UserError

KEY = "KINECHAIN_KEY"
"""Environment variable that holds the key itself."""

KEY_FILE = "KINECHAIN_KEY_FILE"
"""Environment variable that holds the path of a file with the key."""

LEAST_BYTES = 16
"""A shorter key could be found by trying."""

DIGITS = 32
"""Hexadecimal digits kept of a hash: 128 bits, so that two people never share one by chance."""

_PRIVATE_WORD = re.compile(
    "(sur|first|last|full|fore|vor|nach)?names?|(för|efter)?namn|nom|prenom|birth(day|date)?|dob|born|geburts(datum|tag)"
    "|födelsedatum|address|adresse?|(tele)?phone|telefon|mobile|e?mail|ssn|personn(umme)?r"
)
"""Words in a column's head that say it names a person, is a date of birth or tells where somebody is to be found."""

LONGEST_CODE = 60
"""Letters beyond which a word is free text and no code."""

_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}( .*)?")
_NAME = re.compile(r"[^\W\d_]{2,}[,.]?([ '-]+[^\W\d_]+[,.]?)*")


def names_a_person(header: str) -> bool:
    """Whether the head of a column says that it holds names, dates of birth or addresses."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", header)
    return any(_PRIVATE_WORD.fullmatch(word) for word in re.split(r"[\W_]+", spaced.lower()))


def looks_private(words: Iterable[str]) -> int:
    """How many words look like the name of a person, a date, an address of e-mail or free text rather than a code."""
    return sum(
        len(word) > LONGEST_CODE
        or "@" in word
        or _DATE.fullmatch(word) is not None
        or (_NAME.fullmatch(word) is not None and not word.isupper() and len(word) > 2)
        for word in words
    )


def looks_dated(words: Iterable[str]) -> int:
    """How many words look like a date."""
    return sum(_DATE.fullmatch(word) is not None for word in words)


def read_key(root: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """The key of the study in `root`, from the environment or from a file named there.

    Raises UserError when there is none, when it is too short to be a secret, and when its file lies where the study or
    its repository would take it along.
    """
    named = environment.get(KEY_FILE, "")
    if named:
        file = Path(named)
        remedy = f"Put it in a folder that only you can read, and name that file in {KEY_FILE}"
        if _lies_inside(file, root):
            raise UserError(Problem(KEY_FILE, "the key lies inside the study or its repository", remedy))
        try:
            key = file.read_bytes().strip()
        except OSError:
            raise UserError(Problem(KEY_FILE, "the file of the key cannot be read", remedy)) from None
    elif environment.get(KEY):
        key = environment[KEY].strip().encode()
    else:
        what = "a column is to be hashed and there is no key"
        raise UserError(Problem(KEY, what, f"Set {KEY}, or name a file outside the study in {KEY_FILE}"))
    if len(key) < LEAST_BYTES:
        what = f"the key is shorter than {LEAST_BYTES} bytes"
        raise UserError(Problem(KEY_FILE if named else KEY, what, "Make one with `openssl rand -hex 32`"))
    return key


def _lies_inside(file: Path, root: Path) -> bool:
    """Whether a file is in the study's folder or in the repository that holds it, followed through links."""
    home = root.resolve()
    places = {home, *(folder for folder in (home, *home.parents) if (folder / ".git").exists())}
    seen = {file.resolve(), file.parent.resolve() / file.name}
    return any(place.is_relative_to(folder) for place in seen for folder in places)


def pseudonyms(words: NDArray[np.object_], key: bytes, role: str) -> NDArray[np.object_]:
    """Each word as a keyed hash; "" stays "", as nothing is known about it.

    role  what the words are, id or cluster: the same word in two roles has two hashes
    """
    known = dict.fromkeys(str(word) for word in words)
    hashed = {
        word: hmac.new(key, f"{role}\0{word}".encode(), hashlib.sha256).hexdigest()[:DIGITS] if word else ""
        for word in known
    }
    return np.array([hashed[str(word)] for word in words], dtype=object)

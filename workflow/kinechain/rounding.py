"""Numbers as readers see them: an estimate to the digit its standard error supports, p to three decimals."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
PUBLISHED_DIGITS = 6
"""Significant digits of every published number: the last bits of a processor's arithmetic stay out of files."""

SIGNIFICANT = 3
"""Significant digits of a number that comes without an error."""


def is_number(value: object) -> bool:
    """True for a finite int or float (numpy's too); False for None, text, bool and not-a-number."""
    if type(value) is float:  # nearly every value there is
        return math.isfinite(value)
    if value is None or isinstance(value, str | bool):
        return False
    try:
        return math.isfinite(float(value))  # type: ignore[arg-type]  # anything with __float__ may stand here
    except (TypeError, ValueError):
        return False


def published(value: float) -> float:
    """The value to `PUBLISHED_DIGITS` significant digits."""
    return float(f"{value:.{PUBLISHED_DIGITS}g}")


def decimals_for(error: float) -> int:
    """Decimals that a standard error supports: its first digit, and its second too where the first is 1 or 2.

    error .048 -> 2, .0012 -> 4, 1.4 -> 1, 12 -> 0. At least 0, at most 6.
    """
    if not (is_number(error) and error > 0):
        return 2
    exponent = math.floor(math.log10(error))
    leading = int(f"{error:e}"[0])
    return min(6, max(0, -exponent + (1 if leading <= 2 else 0)))


def decimal_text(value: float, decimals: int) -> str:
    """The value with so many decimals, a true minus sign, and never a minus before zero."""
    text = f"{value:.{decimals}f}"
    if float(text) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def number_text(value: object, error: float | None = None) -> str:
    """A number as text: to its error's digit, or to three significant digits without one; "–" when there is none."""
    if not is_number(value):
        return "–"
    number = float(value)  # type: ignore[arg-type]  # is_number has seen it
    if error is not None and is_number(error):
        return decimal_text(number, decimals_for(error))
    if number == int(number) and abs(number) < 1e15:
        return count_text(int(number))
    return decimal_text(number, decimals_shown(number))


def decimals_shown(number: float) -> int:
    """Decimals of a number without an error: three significant digits, closing zeros left out."""
    digits = f"{number:.{SIGNIFICANT - 1}e}"
    kept = len(digits.split("e", maxsplit=1)[0].replace("-", "").replace(".", "").rstrip("0"))
    return min(6, max(0, kept - 1 - int(digits.split("e")[1])))


def count_text(value: int) -> str:
    """A whole number with thin spaces between thousands from 10 000 on, as tables are set."""
    text = f"{abs(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if abs(value) >= 10_000 else str(abs(value))
    return f"{MINUS}{text}" if value < 0 else text


def p_text(p_value: object) -> str:
    """A p value to three decimals without the leading zero; below .001 as "< .001"."""
    if not is_number(p_value):
        return "–"
    number = float(p_value)  # type: ignore[arg-type]  # is_number has seen it
    if number < 0.001:
        return "< .001"
    return f"{number:.3f}".removeprefix("0")


def percent_text(share: float) -> str:
    """A share (0 to 1) in per cent, without decimals where it is whole."""
    value = 100 * share
    return f"{decimal_text(value, 0 if abs(value - round(value)) < 1e-9 else 1)} %"

"""Goldens that lavaan made, as specs and data of this engine, and as command lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kinechain.numerics.moments import Moments, moments_from_published
from kinechain.spec import ModelSpec, spec_from_text

HERE = Path(__file__).parent / "lavaan"
REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"


@dataclass(frozen=True, slots=True)
class Case:
    """One model, its data and lavaan's answer."""

    name: str
    expected: dict[str, Any]
    table: Path

    @property
    def options(self) -> dict[str, Any]:
        options = self.expected.get("options") or {}
        return options if isinstance(options, dict) else {}

    @property
    def is_moments(self) -> bool:
        return not self.expected.get("data")

    @property
    def n(self) -> int:
        return int(self.expected.get("n") or self.expected.get("sample_nobs") or 0)

    @property
    def is_growth(self) -> bool:
        return self.expected.get("call") == "growth"

    @property
    def is_partial(self) -> bool:
        """Made under another parameterisation: only what does not depend on it is compared."""
        return "theta" in (self.expected.get("note") or "")

    def _list(self, key: str) -> tuple[str, ...]:
        value = self.options.get(key) or ()
        return (value,) if isinstance(value, str) else tuple(value)

    def spec(self) -> ModelSpec:
        choices: dict[str, Any] = {"meanstructure": True} if self.options.get("meanstructure") else {}
        return spec_from_text(
            self.expected["model"],
            self.name,
            estimator=self.options.get("estimator", "ML").lower(),
            missing="fiml" if self.options.get("missing") == "fiml" else "listwise",
            fixed_x=self.options.get("fixed.x", True),
            group=self.options.get("group", ""),
            group_equal=self._list("group.equal"),
            cluster=self.options.get("cluster", ""),
            ordered=self._list("ordered"),
            growth=self.is_growth,
            rescale=self.options.get("sample.cov.rescale", True),
            **choices,
        )

    def data(self) -> pd.DataFrame | Moments:
        if not self.is_moments:
            return pd.read_csv(self.table)
        frame = pd.read_csv(self.table, index_col=0)
        names, mean = tuple(str(name) for name in frame.columns), np.zeros(frame.shape[1])
        if "mean" in frame.index:
            frame, mean = frame.drop(index="mean"), frame.loc["mean"].to_numpy(dtype=float)
        if self.options.get("sample.cov.rescale", True):
            return moments_from_published(names, mean, frame.to_numpy(dtype=float), self.n)
        return Moments(names, mean, frame.to_numpy(dtype=float), self.n)

    def command(self, model: Path, json_file: Path) -> list[str]:
        """Arguments of the command line; writes the model's text to `model`."""
        model.write_text(self.expected["model"], encoding="utf-8")
        words = ["fit", str(model)]
        words += ["--moments", str(self.table), "--n", str(self.n)] if self.is_moments else ["--data", str(self.table)]
        flags = {
            "--estimator": self.options.get("estimator", "ML").lower(),
            "--missing": "fiml" if self.options.get("missing") == "fiml" else "",
            "--group": self.options.get("group", ""),
            "--group-equal": ",".join(self._list("group.equal")),
            "--cluster": self.options.get("cluster", ""),
            "--ordered": ",".join(self._list("ordered")),
        }
        words += [word for flag, value in flags.items() if value for word in (flag, value)]
        switches = {
            "--no-fixed-x": self.options.get("fixed.x") is False,
            "--meanstructure": bool(self.options.get("meanstructure")),
            "--growth": self.is_growth,
            "--no-rescale": self.options.get("sample.cov.rescale") is False,
        }
        return words + [switch for switch, is_on in switches.items() if is_on] + ["--json", str(json_file)]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two nested models, their data and lavaan's test of one against the other."""

    name: str
    expected: dict[str, Any]

    def specs(self) -> tuple[ModelSpec, ModelSpec]:
        """The restricted model, then the general one."""
        cases = [
            Case(self.name, {**self.expected, "model": self.expected[key]}, HERE) for key in ("restricted", "general")
        ]
        return cases[0].spec(), cases[1].spec()

    def data(self) -> pd.DataFrame:
        return pd.read_csv(HERE / "data" / f"{self.expected['data']}.csv")


def differences() -> list[Difference]:
    """lavaan's tests of nested models."""
    paths = sorted((HERE / "differences").glob("*.json"))
    return [Difference(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def own_cases() -> list[Case]:
    """The goldens of this repository."""
    return [_case(path, HERE / "data") for path in sorted((HERE / "expected").glob("*.json"))]


def reference_cases() -> list[Case]:
    """Reference answers that lie beside the repository; none where they are absent."""
    paths = [path for path in sorted(REFERENCE.glob("*.json")) if not path.name.startswith("bootstrap")]
    return [_case(path, REFERENCE) for path in paths]


def _case(path: Path, folder: Path) -> Case:
    expected = json.loads(path.read_text(encoding="utf-8"))
    table = expected.get("data") or expected.get("sample_cov") or expected.get("moments")
    return Case(path.stem, expected, folder / (table if table.endswith(".csv") else f"{table}.csv"))

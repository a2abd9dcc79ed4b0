"""Which weights order the first hits: none (the ranking alone, as shipped), or those learned here and proven better.

The shipped weights are none at all: what could be learned on judged sets made one of them better and another worse
(docs/search.md), and a house has no clicks of its own on its first day.
"""

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge.arrays.segment import Floats
from knowledge.learning.names import NAMES

FILE = "learned.json"
TOP = 50
"""So many of the first hits are ordered anew; a page beyond them is as the ranking has it."""
LOOK_EVERY = 1.0
SHIPPED = "shipped"


@dataclass(frozen=True)
class Model:
    """One weight for each of NAMES, and where they come from."""

    weights: tuple[float, ...]
    name: str

    def order(self, told: Floats) -> Floats:
        """A value for each row of features; higher is better."""
        values: Floats = told @ np.asarray(self.weights)
        return values


_lock = threading.Lock()
_file: Path | None = None
_seen: tuple[float, int] | None = None
_looked_at = 0.0
_current: Model | None = None


def use_model_of(folder: Path | None) -> None:
    """Follow the weights that are learned into this folder; None: the shipped ones only (the setting is off)."""
    global _file, _seen, _looked_at, _current
    with _lock:
        _file, _seen, _looked_at, _current = (folder / FILE if folder else None), None, 0.0, None


def use_shipped_model() -> None:
    """For measuring, which shall give the same figures everywhere."""
    use_model_of(None)


def model_now() -> Model | None:
    """The weights in force; None where the ranking's own order stands. A new file is noticed within a second."""
    global _seen, _looked_at, _current
    if _file is None or time.monotonic() - _looked_at < LOOK_EVERY:
        return _current
    with _lock:
        _looked_at = time.monotonic()
        try:
            stat = os.stat(_file)
        except OSError:
            _seen, _current = None, None
            return None
        if (stamp := (stat.st_mtime, stat.st_size)) != _seen:
            _seen, _current = stamp, read_model(_file)
        return _current


def model_name() -> str:
    """What `evaluate` calls the weights in force."""
    model = model_now()
    return model.name if model else SHIPPED


def read_model(path: Path) -> Model | None:
    """The weights of a file; None where it was written for other features, or is none."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        weights = tuple(float(told["weights"][name]) for name in NAMES)
        return Model(weights, str(told["name"])) if all(map(np.isfinite, weights)) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_model(path: Path, model: Model, told: dict[str, float | int]) -> None:
    """Keep weights, with the figures of their test, so that every process follows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    passing = path.with_suffix(".new")
    weights = dict(zip(NAMES, model.weights, strict=True))
    passing.write_text(json.dumps({"name": model.name, "weights": weights, "measured": told}, indent=1), encoding="utf-8")
    passing.replace(path)

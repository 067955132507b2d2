"""The benchmarks run from end to end, at their smallest: what they measure there means nothing, that they do does.

benchmarks/race.py has a test of its own; routing.py, assign.py and load_stream.py have sizes that are their question.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("name", "options", "figure"),
    [
        ("append", ["--seconds", "0.3", "--rounds", "1"], "append.vs_stock"),
        ("rebuild", ["--events", "3000", "--no-growth"], "live.vs_stock"),
        ("commands", ["--seconds", "2", "--rate", "50"], "commands.per_s"),
        ("forecast", ["--small"], "short.wape"),
    ],
)
def test_a_benchmark_measures_all_that_it_says(name, options, figure):
    ended = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), "--json", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3_000:]
    assert json.loads(ended.stdout.splitlines()[-1])[figure] > 0

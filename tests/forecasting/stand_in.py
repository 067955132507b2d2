"""Stands in for the process that reckons: says to each question what a file tells, by the number of the question.

Its arguments: a folder, in which it finds the answers as `0`, `1` and so on, and leaves what it was told in `heard`.
"""

import signal
import sys
from pathlib import Path


def main() -> None:
    folder = Path(sys.argv[1])
    if (folder / "stubborn").exists():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    heard = sys.stdin.readline()
    for number, question in enumerate(sys.stdin):
        heard += question
        (folder / "heard").write_text(heard)
        answer = folder / str(number)
        if not answer.exists():
            return
        sys.stdout.write(answer.read_text())
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""`python -m benchmarks`: measure, and write docs/explanation/speed.md; exit 1 when a bound is not kept."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import measure
from benchmarks.page import broken, write

TARGET = Path(__file__).parents[1] / "docs" / "explanation" / "speed.md"


def main() -> int:
    """Measure and write; return the exit code."""
    found = measure(lambda text: print_error(f"measuring: {text}"))
    write(found, TARGET, datetime.now(UTC).date())
    problems = broken(found)
    for problem in problems:
        print_error(f"not kept: {problem}")
    return 1 if problems else 0


def print_error(text: str) -> None:
    """Say something to whoever waits."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())

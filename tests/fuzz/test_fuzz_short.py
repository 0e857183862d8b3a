"""A short run of the fuzzer, the same cases each time; ``deid_fuzz.py`` says what fails a case, and runs as long as told.

A process of its own, because the fuzzer limits its address space and rings an alarm.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZER = Path(__file__).with_name("deid_fuzz.py")


def test_whatever_is_mutated_ends_in_a_clear_error_or_a_clean_file() -> None:
    command = [sys.executable, FUZZER, "--cases", "1200", "--seed", "short", "--no-keep"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr

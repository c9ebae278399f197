from __future__ import annotations

import mmap
import os
import time

import pytest

from bench.machine import find_hardware, find_versions, peak_resident_mb, processor_s, resident_mb

pytestmark = pytest.mark.unit

NOBODY = 2**22 + 1
"""More than any process' number."""


def test_a_process_memory_is_what_it_holds() -> None:
    before = resident_mb(os.getpid())
    held = mmap.mmap(-1, 64 * 1024**2)  # from the kernel: an allocator would hand out what it kept
    held.write(b"x" * len(held))
    assert 60 < resident_mb(os.getpid()) - before < 70
    assert peak_resident_mb(os.getpid()) >= before + 60
    held.close()


def test_a_process_time_is_what_it_computed() -> None:
    before, began = processor_s(os.getpid()), time.process_time()
    while time.process_time() - began < 0.2:
        pass
    assert 0.15 < processor_s(os.getpid()) - before < 0.5


def test_a_process_that_is_gone_has_neither() -> None:
    assert (resident_mb(NOBODY), peak_resident_mb(NOBODY), processor_s(NOBODY)) == (0, 0, 0)


def test_the_machine_is_told() -> None:
    hardware = find_hardware()
    assert hardware.cpu
    assert hardware.cores >= 1
    assert hardware.memory_gb >= 1
    assert find_versions()["torch"]

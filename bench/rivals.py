"""
The rivals that read regions: other runtimes of the same network, and FunASR itself.

Each returns token ids rather than text, for ids are what a comparison needs; spelling is the last and least of its work.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from bench.rivals_models import FUNASR_ONNX, SHERPA_ONNX, TOKENS

"""The examples of docs/rules.md."""

from __future__ import annotations

import re
from pathlib import Path

from callscope.meaning.rules.operators import fields_of
from callscope.meaning.rules.schema import RuleFile

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
FILES = [block for block in BLOCKS if block.split(":")[0] in set(fields_of(RuleFile))]
CONDITIONS = [block for block in BLOCKS if block not in FILES]

"""All benchmarks, one after the other, their tables put into README.md: `python benchmarks`."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

failed = [
    script
    for script in ("steps.py", "estimators.py", "where.py")
    if subprocess.run([sys.executable, HERE / script, "--readme", *sys.argv[1:]]).returncode
]
if failed:
    sys.exit(f"these had problems: {', '.join(failed)}")

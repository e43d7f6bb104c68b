"""Count lines of code, of docstrings and of comments, by folder.

Run: python tools/count_lines.py [FOLDER ...]     # by default emprox tests benchmarks
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
NOT_CODE = {
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def count(path: Path) -> dict[str, int]:
    """Count the lines of one file: a line with code and a comment is a line of code."""
    source = path.read_text(encoding="utf-8")
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            docstrings.update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    code: set[int] = set()
    comments: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in NOT_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    code -= docstrings
    return {
        "files": 1,
        "code": len(code),
        "docstrings": len(docstrings),
        "comments": len(comments - code),
        "all": len(source.splitlines()),
    }


def table(folder: Path) -> pd.DataFrame:
    """Add up the lines of each folder right below a folder, and of the files in it."""
    rows = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        rows.append({"folder": parts[0] if len(parts) > 1 else ".", **count(path)})
    counted = pd.DataFrame(rows).groupby("folder").sum()
    counted.loc["in all"] = counted.sum()
    return counted


if __name__ == "__main__":
    for name in sys.argv[1:] or ["emprox", "tests", "benchmarks"]:
        print(f"{name}\n{table(ROOT / name).to_string()}\n")

"""The order of the documentation: folders as people need them, pages by name, whatever pages there are.

MkDocs sorts folders by letter, which puts decisions before the tutorial. A page that is added needs no line here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

SECTIONS = {
    "tutorial": "Tutorial",
    "how-to": "How to",
    "reference": "Reference",
    "explanation": "Explanation",
    "spec": "Formats",
    "decisions": "Decisions",
}


def on_config(config: Any) -> Any:
    """Give MkDocs its ``nav``. A folder without a section here is an error, or its pages could not be reached.

    Raises:
        ValueError: ``docs/`` has a folder that ``SECTIONS`` does not name.
    """
    root = Path(config["docs_dir"])
    folders = {page.relative_to(root).parts[0] for page in root.glob("*/**/*.md")}
    if strange := folders - SECTIONS.keys():
        raise ValueError(f"docs/ has folders that tools/docs_nav.py does not name: {', '.join(sorted(strange))}")
    config["nav"] = ["index.md"] + [
        {title: [page.relative_to(root).as_posix() for page in sorted((root / folder).rglob("*.md"))]}
        for folder, title in SECTIONS.items()
        if folder in folders
    ]
    return config

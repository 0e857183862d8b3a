"""``python -m leadglass.testing.films [FOLDER]``: make the example films, print where they are."""

from __future__ import annotations

import sys
from pathlib import Path

from leadglass.errors import LeadglassError
from leadglass.testing.films.example import example_films, examples_folder


def main(arguments: list[str]) -> int:
    """Make the films in the one folder that ``arguments`` may name; the paths go to stdout, progress to stderr."""
    folder = Path(arguments[0]) if arguments else examples_folder() / "examples"
    try:
        films = example_films(folder, progress=lambda line: print(line, file=sys.stderr))  # noqa: T201 - a command prints
    except LeadglassError as error:
        print(f"{error.message}\n{error.hint or ''}".strip(), file=sys.stderr)  # noqa: T201 - a command prints
        return error.exit_code
    for film in films:
        print(film.path)  # noqa: T201 - a command prints
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

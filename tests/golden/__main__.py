"""Compare the product with its golden reports, or write them anew.

python -m tests.golden                    print every difference; exit 1 if there is one
python -m tests.golden write              judge the stored submissions again and store what is said now
python -m tests.golden draw               draw the submissions anew as well
"""

import sys

from tests.golden import reports


def main(words: list[str]) -> int:
    if words == ["write"]:
        _, rows = reports.read()
        print(reports.write(iter([(name, document) for name, document, _ in rows])), "reports written")
        return 0
    if words == ["draw"]:
        from tests.golden.drawing import drawn_submissions

        print(reports.write(drawn_submissions()), "reports written")
        return 0
    if words not in ([], ["compare"]):
        print(__doc__, file=sys.stderr)
        return 2
    lines = list(reports.differences())
    for line in lines:
        print(line)
    wrote, rows = reports.read()
    how = (
        "to the last bit"
        if wrote == reports.machine()
        else f"within {reports.RELATIVE:g}, on another machine"
    )
    print(f"{len(lines)} differences in {len(rows)} reports, compared {how}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Start `gradjury serve` on databases that it cannot use, and print its messages.

    python -m benchmarks.attacks.databases

D2 of the review: a page of traceback. It should be one line with a remedy, no password, and status 2.
"""

import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from api.storage.database import open_repository
from benchmarks.support.attacking import Table

_SERVE = [sys.executable, "-c", "from api.command_line import main; main()", "serve", "--port", "0"]
_PASSWORD = "sesame"


def main() -> int:
    table = Table("databases: `gradjury serve` on a database that it cannot use")
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "garbage.sqlite").write_bytes(bytes(range(256)) * 20)
        (folder / "folder.sqlite").mkdir()
        (folder / "empty-folder").mkdir()
        newer = folder / "newer.sqlite"
        open_repository(f"sqlite:///{newer}").close()
        connection = sqlite3.connect(newer)
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
        (folder / "cut.sqlite").write_bytes(newer.read_bytes()[: newer.stat().st_size // 2])
        for what, url in (
            ("a file of garbage", f"sqlite:///{folder / 'garbage.sqlite'}"),
            ("a file cut short", f"sqlite:///{folder / 'cut.sqlite'}"),
            ("a folder", f"sqlite:///{folder / 'folder.sqlite'}"),
            ("a folder that is not there", f"sqlite:///{folder / 'nowhere' / 'x.sqlite'}"),
            ("a newer schema", f"sqlite:///{newer}"),
            ("a Postgres that is away", f"postgresql://user:{_PASSWORD}@127.0.0.1:1/gradjury"),
            ("a host that there is not", f"postgresql://user:{_PASSWORD}@nobody.invalid/gradjury"),
            ("another database", f"mysql://user:{_PASSWORD}@127.0.0.1/gradjury"),
            ("no URL", "gradjury"),
        ):
            run = subprocess.run(
                [*_SERVE, "--database-url", url], capture_output=True, text=True, timeout=300, check=False
            )
            text = run.stdout + run.stderr
            one_line = len(text.strip().splitlines()) == 1 and _PASSWORD not in text
            remedy = "; " in text or "expected" in text
            shown = text.strip().replace(str(folder), "…")
            table.row(what, f"status {run.returncode}: {shown}", one_line and remedy and run.returncode == 2)
    return table.end()


if __name__ == "__main__":
    sys.exit(main())

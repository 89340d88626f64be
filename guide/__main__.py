"""Build the site: python -m guide [FOLDER]. Broken links and unresolved references are errors."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from guide.pages import finish_pages
from guide.sources import ROOT, write_sources

BUILT = ROOT / "api" / "pages" / "guide"


def build(target: Path) -> None:
    """Build the site into a folder, which is replaced. Raises CalledProcessError for a broken link."""
    with TemporaryDirectory() as name:
        work = Path(name).resolve()
        write_sources(work / "docs")
        settings = (Path(__file__).parent / "zensical.yml").read_text(encoding="utf-8")
        (work / "mkdocs.yml").write_text(settings.replace("ROOT", str(ROOT)), encoding="utf-8")
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        subprocess.run([*command, "--config-file", work / "mkdocs.yml"], check=True, cwd=work)
        finish_pages(work / "site")
        (work / "site" / "404.html").unlink()  # the service has its own page
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work / "site", target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=BUILT)
    try:
        build(parser.parse_args().folder)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)

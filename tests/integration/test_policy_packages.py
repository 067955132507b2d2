"""Policies of other packages: really installed ones, in a directory on the path."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from supportix.policies.assignment import AssignmentPolicy
from supportix.policies.registry import GROUP, OURS, PolicyRefused, by_version, newest, offered

ROOMIEST = """
from supportix.policies import AssignmentPolicy


def roomiest(version):
    return AssignmentPolicy(
        name="roomiest",
        version=version,
        key=lambda candidate, requirement: (candidate.open_work - candidate.capacity,),
        explain=lambda first, second, requirement: "most room",
    )


POLICY, FORMER, SAME = roomiest(2), roomiest(1), roomiest(2)
NO_POLICY = "roomiest"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of installed packages that is on the path."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def install(site: Path, name: str, source: str, **points: str) -> None:
    """A package of one module and its metadata, as an installer leaves them; `points`: the names it offers."""
    (site / f"{name}.py").write_text(source, encoding="utf-8")
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"{point} = {name}:{attribute}" for point, attribute in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join((f"[{GROUP}]", *lines, "")), encoding="utf-8")


def known() -> dict[tuple[str, int], AssignmentPolicy]:
    return by_version([*OURS, *offered()])


def a_start(site: Path) -> subprocess.CompletedProcess[str]:
    """What a process says that starts with these packages."""
    return subprocess.run(
        [sys.executable, "-c", "from supportix.policies import POLICIES; print(*sorted(POLICIES))"],
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_packages_there_are_ours(site: Path) -> None:
    assert offered() == []
    assert a_start(site).stdout.split() == ["least_busy", "round_robin", "sticky", "weighted"]


def test_a_package_offers_a_policy_and_its_former_version(site: Path) -> None:
    install(site, "roomiest_fine", ROOMIEST, roomiest="POLICY", roomiest_1="FORMER")
    assert {key for key in known() if key[0] == "roomiest"} == {("roomiest", 1), ("roomiest", 2)}
    assert newest(known())["roomiest"].version == 2
    assert "roomiest" in a_start(site).stdout.split()


def test_two_of_the_same_name_and_version_are_refused(site: Path) -> None:
    install(site, "roomiest_one", ROOMIEST, roomiest="POLICY")
    install(site, "roomiest_two", ROOMIEST, roomier="SAME")
    with pytest.raises(PolicyRefused, match=r"two policies 'roomiest' of version 2"):
        known()
    start = a_start(site)
    assert start.returncode != 0
    assert "two policies 'roomiest' of version 2" in start.stderr


def test_the_same_policy_under_two_names_is_one(site: Path) -> None:
    install(site, "roomiest_twice", ROOMIEST, roomiest="POLICY", roomier="POLICY")
    assert [key for key in known() if key[0] == "roomiest"] == [("roomiest", 2)]


def test_one_that_bears_the_name_and_version_of_ours_is_refused(site: Path) -> None:
    install(site, "roomiest_ours", ROOMIEST.replace('name="roomiest"', 'name="sticky"'), sticky="FORMER")
    with pytest.raises(PolicyRefused, match=r"two policies 'sticky' of version 1"):
        known()


@pytest.mark.parametrize(
    ("name", "source", "attribute", "saying"),
    [
        ("roomiest_raises", "raise RuntimeError('no licence')", "POLICY", "can't be loaded: no licence"),
        ("roomiest_syntax", "def", "POLICY", "can't be loaded: invalid syntax"),
        ("roomiest_lacks", ROOMIEST, "ROOMY", "can't be loaded: module 'roomiest_lacks' has no attribute 'ROOMY'"),
        ("roomiest_none", ROOMIEST, "NO_POLICY", "was expected to be an AssignmentPolicy"),
    ],
)
def test_a_broken_entry_point_is_named(site: Path, name: str, source: str, attribute: str, saying: str) -> None:
    install(site, name, source, broken=attribute)
    with pytest.raises(PolicyRefused) as caught:
        offered()
    assert f"'broken' ({name}:{attribute})" in str(caught.value)
    assert saying in str(caught.value)
    start = a_start(site)
    assert start.returncode != 0
    assert saying in start.stderr


def test_a_package_that_is_gone_is_named(site: Path) -> None:
    install(site, "roomiest_gone", ROOMIEST, gone="POLICY")
    (site / "roomiest_gone.py").unlink()
    with pytest.raises(PolicyRefused, match=r"'gone' \(roomiest_gone:POLICY\) can't be loaded: No module named"):
        offered()

"""docker-compose.yml starts the production shape, and opens nothing that has no lock."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
OURS = ("migrate", "api", "projector")
LAST_STAGE = (ROOT / "scripts" / "Dockerfile").read_text().split("\nFROM ")[-1]


def test_it_has_a_database_the_migrations_an_api_and_a_projector() -> None:
    assert set(SERVICES) == {"postgres", *OURS}
    assert SERVICES["postgres"]["image"] == "postgres:18"
    assert {name: SERVICES[name]["command"] for name in OURS} == {
        "migrate": ["migrate"],
        "api": ["api"],
        "projector": ["project"],
    }


def test_everything_that_stays_up_is_watched_and_comes_back() -> None:
    for name in ("postgres", "api", "projector"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD", name
        assert SERVICES[name]["restart"] == "unless-stopped", name


def test_the_migrations_run_once_after_the_database_is_healthy_and_before_the_rest() -> None:
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("api", "projector"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully", name


def test_the_database_is_kept_in_a_volume() -> None:
    volume, place = SERVICES["postgres"]["volumes"][0].split(":")
    assert volume in yaml.safe_load(TEXT)["volumes"]
    # from 18 on the image keeps its data in a folder per version below this one
    assert place == "/var/lib/postgresql"


def test_only_the_api_has_a_port_and_only_on_loopback() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"api"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["api"]["ports"])


def test_no_secret_has_a_default() -> None:
    for secret in ("POSTGRES_PASSWORD", "CAIRN_TOKEN"):
        uses = re.findall(r"\$\{" + secret + r"[^}]*\}", TEXT)
        assert uses
        assert set(uses) == {f"${{{secret}:?set {secret}}}"}
    assert (
        SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]
        == "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD}"
    )
    assert SERVICES["api"]["environment"]["CAIRN_TOKEN"] == "${CAIRN_TOKEN:?set CAIRN_TOKEN}"


def test_all_of_ours_speak_to_the_same_database_and_schema() -> None:
    for setting in ("DATABASE_URL", "CAIRN_SCHEMA"):
        assert len({SERVICES[name]["environment"][setting] for name in OURS}) == 1
    assert "@postgres:5432/cairn" in SERVICES["api"]["environment"]["DATABASE_URL"]


def test_ours_run_as_a_normal_user_without_privileges_or_a_writable_disk() -> None:
    for name in OURS:
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", SERVICES[name]["user"]), name
        assert SERVICES[name]["cap_drop"] == ["ALL"], name
        assert "cap_add" not in SERVICES[name], name
        assert "privileged" not in SERVICES[name], name
        assert SERVICES[name]["read_only"] is True, name
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"], name
        assert all("noexec" in place for place in SERVICES[name]["tmpfs"]), name
        assert "volumes" not in SERVICES[name], name


def test_the_image_runs_as_the_same_user_by_number_and_knows_whether_it_is_well() -> None:
    (user,) = re.findall(r"^USER (\S+)$", LAST_STAGE, re.MULTILINE)
    assert {SERVICES[name]["user"] for name in OURS} == {user}
    assert "HEALTHCHECK" in LAST_STAGE
    assert "/readyz" in LAST_STAGE


def test_no_secret_gets_into_a_layer() -> None:
    text = (ROOT / "scripts" / "Dockerfile").read_text()
    assert not re.search(r"^(ARG|ENV) .*(TOKEN|PASSWORD|SECRET|KEY|DATABASE_URL)", text, re.MULTILINE)
    # what is copied is named: neither the folder with a ledger in it nor keys beside the sources
    assert not re.search(r"^COPY \. ", text, re.MULTILINE)
    ignored = (ROOT / "scripts" / "Dockerfile.dockerignore").read_text().split()
    assert ignored[0] == "*"
    assert not [line for line in ignored if "key" in line or ".cairn" in line or ".env" in line]


def test_keys_are_handed_in_as_files() -> None:
    secrets = yaml.safe_load(TEXT)["secrets"]
    assert all(set(secret) == {"file"} for secret in secrets.values())
    for name in ("api", "projector"):  # the one signs when it is asked, the other on an interval
        assert SERVICES[name]["secrets"] == ["signing-key"]
        assert SERVICES[name]["environment"]["CAIRN_SIGNING_KEY"] == "/run/secrets/signing-key"
    for name in OURS:
        for variable, value in SERVICES[name].get("environment", {}).items():
            assert "KEY" not in variable or str(value).startswith("/run/secrets/"), variable


def test_the_image_installs_only_what_is_pinned() -> None:
    installs = re.findall(r"pip install ([^\\\n]*)", (ROOT / "scripts" / "Dockerfile").read_text())
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs), installs


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs docker")
def test_compose_itself_reads_it_and_refuses_to_start_without_a_password() -> None:
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs docker compose")
    compose = ["docker", "compose", "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
    bare = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
    refused = subprocess.run(compose, env=bare, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "set POSTGRES_PASSWORD" in refused.stderr
    secrets = {"POSTGRES_PASSWORD": "a", "CAIRN_TOKEN": "b"}
    subprocess.run(compose, env=bare | secrets, capture_output=True, text=True, check=True)

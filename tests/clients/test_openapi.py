"""The API's document, as validators and fuzzers see it."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

import pytest
from conftest import serving
from openapi_spec_validator import OpenAPIV31SpecValidator

KEY = "key-of-the-tests"

# How long the fuzzer may take, in seconds, and what its chance begins with; and what only tells a hang from a slow machine.
BUDGET = int(os.environ.get("REIN_API_FUZZ_SECONDS", "75"))
SEED = os.environ.get("REIN_API_FUZZ_SEED", "1")
HANG_SECONDS = 900


@pytest.fixture(scope="module")
def url():
    """A server that asks for a key, and whose short context ends every answer soon."""
    with serving("-c", "512", "--parallel", "2", "--api-key", KEY) as address:
        yield address


def test_the_document_is_valid(url):
    with urllib.request.urlopen(f"{url}/openapi.json") as response:
        document = json.load(response)
    assert document["openapi"].startswith("3.1")
    errors = [f"{list(error.path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert not errors, errors


def test_answers_to_any_request_are_as_documented(url, tmp_path):
    """No fault, no status and no answer that is not documented, and nothing is accepted that the document forbids."""
    here = pathlib.Path(__file__).parent
    checks = [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
        "allow_header_conformance",
        "ignored_auth",
    ]
    command = [str(pathlib.Path(sys.executable).parent / "st"), "run", f"{url}/openapi.json"]
    command += ["--checks", ",".join(checks), "--header", f"Authorization: Bearer {KEY}"]
    command += ["--phases", "examples,coverage,fuzzing", "--seed", SEED, "--max-time", str(BUDGET)]
    command += ["--request-timeout", "60", "--generation-database", "none", "--suppress-health-check", "all"]
    # A NUL character is refused wherever it is, and the document says so in words only.
    command += ["--generation-allow-x00", "false"]
    command += ["--no-color", "--continue-on-failure", "--warnings", "off"]
    hooks = {"SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": str(here)}
    fuzzed = subprocess.run(
        command, env={**os.environ, **hooks}, cwd=tmp_path, capture_output=True, text=True, timeout=BUDGET + HANG_SECONDS
    )
    assert fuzzed.returncode == 0, fuzzed.stdout + fuzzed.stderr

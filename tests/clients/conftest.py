"""What all client tests share: a server, what it computes, the openai SDK's client, and the model's name."""

import contextlib
import os
import re
import subprocess

import openai
import pytest
from computing import HANG_SECONDS, Computing


@contextlib.contextmanager
def serving(*arguments):
    """Starts a server on a free port; gives its address."""
    command = [os.environ["REIN_BIN"], "serve", "-m", os.environ["REIN_MODEL"]]
    command += ["--port", "0", "--threads", "1", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = None
            for line in server.stdout:
                if found := re.search(r"Listening on (http://\S+)", line):
                    address = found.group(1)
                    break
            assert address, "the server ended before it listened"
            yield address
        finally:
            server.terminate()
            server.stdout.read()
    assert server.returncode == 0, "SIGTERM ends the server properly"


@pytest.fixture(scope="module")
def url():
    """A server for all tests of a file."""
    with serving("-c", "8192") as address:
        yield address


@pytest.fixture(scope="module")
def client(url):
    # No retries: an error that goes away by itself is an error here.
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=HANG_SECONDS)


@pytest.fixture(scope="module")
def model(client):
    return client.models.list().data[0].id


@pytest.fixture(scope="module")
def computing(url):
    return Computing(url)

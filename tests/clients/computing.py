"""What the server computes, by its own metrics: so that tests of clients that go away see more than a stream end."""

import contextlib
import dataclasses
import json
import re
import time
import urllib.request

# Only tells a hang from a slow machine.
HANG_SECONDS = 120

# The tokens that a request asks for which is to be aborted, and the fields that make it run so long.
ENDLESS_TOKENS = 1900
ENDLESS = {"max_tokens": ENDLESS_TOKENS, "extra_body": {"ignore_eos": True}}


def wait_until(condition):
    end = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < end, "hangs"
        time.sleep(0.01)


def get(url, path):
    with urllib.request.urlopen(url + path, timeout=HANG_SECONDS) as answer:
        return json.load(answer)


def busy_slots(url):
    return [slot for slot in get(url, "/slots") if slot["is_processing"]]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Runs that compute, tokens drawn since the start, and stops that clients caused by going away."""

    running: int
    generated: int
    disconnects: int


class Computing:
    """Watches the server at `url`."""

    def __init__(self, url):
        self._url = url

    def now(self):
        lines = self._call("/metrics").splitlines()

        def total(name):
            return sum(int(line.split()[-1]) for line in lines if re.match(name, line))

        return Snapshot(
            running=total("rein_runs_running "),
            generated=total("rein_generated_tokens_total "),
            disconnects=total(r'rein_stop_latency_seconds_count\{.*cause="disconnect"'),
        )

    def wait_for_tokens(self):
        """Waits until the server draws more tokens than it has drawn by now."""
        before = self.now().generated
        wait_until(lambda: self.now().generated > before)

    @contextlib.contextmanager
    def is_stopped(self):
        """What the block begins and aborts (`ENDLESS`) is no longer computed.

        One disconnect is counted, no run is left, far fewer tokens were drawn than were asked for, and those of the
        next request are all that are drawn from then on.
        """
        before = self.now()
        yield

        def has_stopped():
            now = self.now()
            return now.running == 0 and now.disconnects > before.disconnects

        wait_until(has_stopped)
        stopped = self.now()
        assert stopped.disconnects == before.disconnects + 1
        assert stopped.generated - before.generated < ENDLESS_TOKENS, "it ran to its end"
        messages = [{"role": "user", "content": "Hello."}]
        self._call("/v1/chat/completions", {"messages": messages, "max_tokens": 8, "ignore_eos": True})
        assert self.now().generated == stopped.generated + 8

    def _call(self, path, body=None):
        request = urllib.request.Request(self._url + path, body and json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
            return answer.read().decode()

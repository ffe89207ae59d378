"""What a person gets once the stack is up: where it is, a key, and two ways to try it that work as printed."""

import json
from dataclasses import dataclass

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from extproc.model.secret import Secret

_QUESTION = "What is the capital of France?"


@dataclass(frozen=True, slots=True)
class Welcome:
    """Everything the panel says."""

    base_url: str
    """With ``/v1``: what an OpenAI client takes."""
    admin_url: str
    virtual_key: Secret
    model: str
    state_dir: str
    stop: str
    """What ends it."""
    missing: str = ""
    """What is not there, and what that means; empty when all is."""

    def curl(self) -> str:
        """One line for a shell: a plain answer."""
        body = json.dumps({"model": self.model, "messages": [{"role": "user", "content": _QUESTION}]})
        return (
            f"curl -s {self.base_url}/chat/completions -H 'Authorization: Bearer {self.virtual_key.reveal()}' "
            f"-H 'Content-Type: application/json' -d '{body}'"
        )

    def snippet(self) -> str:
        """Three lines of Python with the openai package: a streamed answer."""
        ask = f'model="{self.model}", messages=[{{"role": "user", "content": "{_QUESTION}"}}], stream=True'
        return (
            "from openai import OpenAI\n"
            f'client = OpenAI(base_url="{self.base_url}", api_key="{self.virtual_key.reveal()}")\n'
            f"for chunk in client.chat.completions.create({ask}): "
            'print(chunk.choices[0].delta.content or "", end="", flush=True)'
        )


def show(welcome: Welcome, console: Console) -> None:
    """Print it. Lines that are meant to be copied stand outside the frame and are never wrapped."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column()
    facts.add_column(overflow="fold")
    facts.add_row("base URL", welcome.base_url)
    facts.add_row("virtual key", welcome.virtual_key.reveal())
    facts.add_row("Envoy admin", welcome.admin_url)
    facts.add_row("state", welcome.state_dir)
    facts.add_row("stop", welcome.stop)
    console.print(Panel(facts, title="The gateway is up", expand=False))
    if welcome.missing:
        console.print(welcome.missing, style="yellow", markup=False)
    for title, text in (
        ("A plain answer:", welcome.curl()),
        ("A streamed one, with the official client:", welcome.snippet()),
    ):
        console.print(f"\n{title}", style="dim")
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print()

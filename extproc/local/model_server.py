"""The local model's own process: an OpenAI-compatible HTTP server on loopback, by llama.cpp.

    python -m extproc.local.model_server PORT GGUF NAME THREADS

It does chat (plain and streamed) and embeddings. Gemma 3 270M as it comes is a base model without a chat template, so
it gets one that it continues well; its answers are real tokens and poor advice.
"""

import signal
import sys

import xllamacpp

_CONTEXT_TOKENS = 16384
_PARALLEL = 4
_LONGEST_ANSWER_TOKENS = 256
"""With one thread of a slow core about as much as fits into the timeouts that ``gateway_file`` writes."""

# "Question: … Answer:" is what a base model knows how to continue; the stop words end its own next question.
_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'user' %}Question: {% elif message.role == 'assistant' %}Answer: {% endif %}"
    "{% if message.content is string %}{{ message.content }}"
    "{% elif message.content %}{% for part in message.content %}{{ part.text }}{% endfor %}{% endif %}\n"
    "{% endfor %}Answer:"
)
_STOP = ["\nQuestion:", "\n\n"]


def main(port: int, gguf: str, name: str, threads: int) -> None:
    """Serve until SIGTERM.

    Args:
        port: on loopback.
        gguf: the weights; processes that serve the same file share its pages.
        name: what the server calls itself.
        threads: that compute. They wait for each other by spinning: more than there are cores is far slower than one.
    """
    # Blocked before any thread of llama.cpp exists, so that only sigwait below hears them.
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.model_alias = {name}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.ui = False
    params.n_ctx = _CONTEXT_TOKENS
    params.n_parallel = _PARALLEL
    params.n_predict = _LONGEST_ANSWER_TOKENS
    params.use_jinja = True
    params.chat_template = _TEMPLATE
    params.antiprompt = _STOP
    params.sampling.temp = 0.3
    params.sampling.penalty_repeat = 1.1
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.warmup = False
    server = xllamacpp.Server(params)
    signal.sigwait(stop)
    del server


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))

"""An LLM gateway that sits in Envoy's external processing seat.

A request passes three doors, each in a different moment and any of them in any worker process:

    admission   one request, once: who is calling, may they, which deployments in which order, with which credential
    delivery    one attempt's response: canonical, metered, never released before it was judged
    journal     what happened to every attempt and every request, as Envoy's access log tells it

Read ``model`` for the nouns, ``policy`` for the decisions, ``exchange`` for the flow of one request, and
``bootstrap`` for how the rooms are put together. ``wire`` is the only room that knows Envoy's messages.
"""

__version__ = "0.1.0"

"""What text says, judged by rules: pure functions from leaves to findings, linear in the text, without a model.

    leaves    a request's and an answer's strings, each with its place and how far it may be trusted
    reading   the ways to read one string: normalised, decoded
    rules     the built-in scanners by name; ``scan_leaves`` runs a set of them over a set of leaves
    redaction placeholders for what was found, and the way back

Knows ``model`` only: no policy, no request flow. ``policy.guard`` decides what a finding leads to.
"""

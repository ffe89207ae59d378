"""The nouns: frozen values that every room shares. Standard library only.

Read ``identity`` (who calls), ``catalog`` (what can be called), ``plan`` (what will be tried), ``exchange``
(what one request is remembered by) and ``refusals`` (every way to say no).
"""

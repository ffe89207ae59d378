"""Catalog → Envoy's configuration files: typed, linted, validated by Envoy itself and swapped atomically."""

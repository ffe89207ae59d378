"""What operators do: keys, reports, and Envoy's admin."""

"""The flow of one exchange: events in, actions out. Knows neither gRPC nor Envoy."""

"""gRPC servers, and Envoy's messages ⇄ events and actions. The only room that knows either."""

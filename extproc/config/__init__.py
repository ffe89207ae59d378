"""What the operator says: ``gateway.yaml`` (policy, in git) and the environment (addresses, secret references)."""

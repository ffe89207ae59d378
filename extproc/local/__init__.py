"""The whole gateway on one machine: real Envoy, Postgres, Valkey, OpenBao and a model under one supervisor."""

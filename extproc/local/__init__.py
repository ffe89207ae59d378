"""The embedded stack: Envoy, the workers, Postgres, Valkey, OpenBao and a small model, as children of one process.

Everything it keeps lies in one state directory (``state``), everything that only lives while it runs in one short
runtime directory. ``stack`` says what is started and in which order, ``supervisor`` keeps it running, one file per part
says how that part is started. It is a convenience for one machine: OpenBao's unseal key lies beside its data.
"""

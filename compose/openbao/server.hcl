storage "raft" {
  path                   = "/openbao/file"
  node_id                = "compose"
  performance_multiplier = 1
}
# Clear text on a network of this host alone; a vault that matters has TLS.
listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "127.0.0.1:8201"
  tls_disable     = true
}
api_addr     = "http://openbao:8200"
cluster_addr = "http://127.0.0.1:8201"

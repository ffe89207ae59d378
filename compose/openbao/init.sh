#!/bin/sh
# One host's convenience: the unseal key and the root token lie beside the vault they open.
set -eu
umask 027
# 2: it answers and is sealed.
until bao status > /dev/null 2>&1 || [ $? -eq 2 ]; do sleep 1; done

if ! bao operator init -status > /dev/null; then
  (umask 077 && bao operator init -key-shares=1 -key-threshold=1 > "$STATE_DIR/init.txt")
fi
bao operator unseal "$(sed -n 's/^Unseal Key 1: //p' "$STATE_DIR/init.txt")" > /dev/null
BAO_TOKEN=$(sed -n 's/^Initial Root Token: //p' "$STATE_DIR/init.txt")
export BAO_TOKEN
until bao secrets list > /dev/null 2>&1; do sleep 1; done

bao secrets list | grep -q '^secret/' || bao secrets enable -path=secret -version=2 kv
bao auth list | grep -q '^approle/' || bao auth enable approle
bao policy write extproc-worker - <<'POLICY'
path "secret/data/providers/*" { capabilities = ["read"] }
path "secret/data/gateway/pepper" { capabilities = ["read"] }
POLICY
bao write auth/approle/role/extproc-worker token_policies=extproc-worker token_ttl=1h token_max_ttl=24h

# -cas=0 writes only what is not there: another pepper would make every virtual key unknown.
bao kv get -mount=secret gateway/pepper > /dev/null 2>&1 ||
  head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' |
    bao kv put -cas=0 -mount=secret gateway/pepper value=- > /dev/null

bao read -field=role_id auth/approle/role/extproc-worker/role-id > "$ROLE_DIR/role_id"
[ -s "$ROLE_DIR/secret_id" ] ||
  bao write -f -field=secret_id auth/approle/role/extproc-worker/secret-id > "$ROLE_DIR/secret_id"

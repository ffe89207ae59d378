-- Attempt rewrite: turns the request that admission judged into the one this deployment's provider gets.
--
-- Runs in the upstream filter chain of every deployment's cluster, once per attempt. Generic: what to send was computed
-- by admission and lies in dynamic metadata, in a namespace that is never forwarded or logged:
--
--   gateway.attempt = { attempts = { <deployment> = { path, authority, headers = { <name> = <value> }, body = <key>? } },
--                       bodies   = { <key> = <text> } }
--
-- No body key: the request's own body is already the right one. extproc/wire/admission.py writes this; the renderer
-- puts `local DEPLOYMENT = "<name>"` before this text.

local NAMESPACE = "gateway.attempt"

-- Never for a provider, whoever set them: the client, Envoy, or an earlier attempt. x-request-id stays: it is ours, a
-- random number, and Envoy copies it from here into the response. accept is the client's, and a dialect's where it says
-- so: left alone, it would reach a provider or not by who else stands in the plan.
local NEVER = {
  "authorization", "proxy-authorization", "api-key", "x-api-key", "cookie", "accept", "accept-encoding", "expect", "te",
  "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-client-cert",
  "x-real-ip", "forwarded", "via", "x-client-trace-id", "traceparent", "tracestate", "baggage",
  "x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms", "x-envoy-external-address", "x-envoy-internal",
  "x-envoy-original-path", "x-envoy-max-retries", "x-envoy-retry-on", "x-envoy-upstream-rq-timeout-ms",
  "x-envoy-upstream-rq-per-try-timeout-ms", "x-envoy-decorator-operation", "x-envoy-force-trace",
}

local function rewrite(handle)
  local plan = handle:streamInfo():dynamicMetadata():get(NAMESPACE)
  local attempt = plan and plan.attempts and plan.attempts[DEPLOYMENT]
  if attempt == nil then error("admission planned no attempt for this deployment") end

  local headers = handle:headers()
  -- All attempts of a request share one header map: forget everything any of them can have set.
  for _, other in pairs(plan.attempts) do
    for name, _ in pairs(other.headers) do headers:remove(name) end
  end
  for _, name in ipairs(NEVER) do headers:remove(name) end

  headers:replace(":path", attempt.path)
  headers:replace(":authority", attempt.authority)
  for name, value in pairs(attempt.headers) do headers:replace(name, value) end

  -- Waiting for the body may invalidate the header map: fetch it again before the last change.
  local body = handle:body(true)
  if attempt.body ~= nil then body:setBytes(plan.bodies[attempt.body]) end
  handle:headers():replace("content-length", tostring(body:length()))
end

function envoy_on_request(handle)
  -- An unguarded error would let the request go on unrewritten, with whatever credential it carries.
  local is_rewritten = pcall(rewrite, handle)
  if not is_rewritten then
    handle:respond({ [":status"] = "500", ["content-type"] = "application/json" },
      '{"error":{"message":"The gateway failed; nothing was sent.","type":"server_error","param":null,"code":"internal_error"}}')
  end
end

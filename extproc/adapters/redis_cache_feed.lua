-- What happened to remembered answers, in an order without gaps: a stream, and the number of its last message.
-- KEYS: meta, stream, organisations. ARGV[1]: "tell" or "hear"; ARGV[2]: an epoch, should there be none.

redis.call('HSETNX', KEYS[1], 'epoch', ARGV[2])
local epoch = redis.call('HGET', KEYS[1], 'epoch')

if ARGV[1] == 'tell' then
  redis.call('SADD', KEYS[3], ARGV[3])
  local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'n', number, 'k', ARGV[5], 'v', ARGV[6])
  return {epoch, number}
end

local number = tonumber(redis.call('HGET', KEYS[1], 'number') or '0')
if ARGV[3] == '' then
  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
  return {epoch, number, last[1] and last[1][1] or '0-0', {}}
end
return {epoch, number, ARGV[3], redis.call('XRANGE', KEYS[2], '(' .. ARGV[3], '+', 'COUNT', ARGV[4])}

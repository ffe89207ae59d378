-- Remembered answers of one organisation; redis_cache_store.py says what the keys hold. All of them share a slot.
-- KEYS[1] is their prefix, ARGV[1] what is to be done.

local base, verb = KEYS[1], ARGV[1]
local sums, floors, parts = base .. 'm', base .. 'f', base .. 'p'

-- Microseconds: what is kept right after everything was forgotten is kept.
local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function now_ms() return math.floor(now_us() / 1000) end

local function entry_of(part, id) return base .. 'e:' .. part .. ':' .. id end
local function uses_of(part) return base .. 'u:' .. part end
local function ends_of(part) return base .. 'x:' .. part end

local function add(bytes, entries)
  redis.call('HINCRBY', sums, 'bytes', bytes)
  redis.call('HINCRBY', sums, 'entries', entries)
end

local function remove(part, id)
  local size = redis.call('HGET', entry_of(part, id), 'n')
  redis.call('ZREM', uses_of(part), id)
  if not size then return 0 end
  redis.call('DEL', entry_of(part, id))
  -- What has run out and was counted off already is not counted off twice.
  if redis.call('ZREM', ends_of(part), id .. ':' .. size) == 1 then add(-size, -1) end
  return 1
end

-- Count off what has run out. Redis has removed the entries themselves.
local function sweep(part, now, most)
  local gone = redis.call('ZRANGEBYSCORE', ends_of(part), '-inf', now, 'LIMIT', 0, most)
  for _, member in ipairs(gone) do
    local id, size = string.match(member, '^(.*):(%d+)$')
    redis.call('ZREM', ends_of(part), member)
    add(-size, -1)
    if redis.call('EXISTS', entry_of(part, id)) == 0 then redis.call('ZREM', uses_of(part), id) end
  end
  if redis.call('ZCARD', ends_of(part)) == 0 then
    redis.call('DEL', uses_of(part))
    redis.call('ZREM', parts, part)
    redis.call('HDEL', sums, 'l:' .. part)
  end
  return #gone
end

-- When everything was forgotten that this owner has in this part; 0: never.
local function floor_of(part, owner)
  local key, user = string.match(owner, '^([^:]*):?(.*)$')
  local names = {'*', 'p:' .. part}
  local forms = {owner, key .. ':'}
  if user ~= '' then forms[3] = ':' .. user end
  for _, form in ipairs(forms) do
    names[#names + 1] = 'o:' .. form
    names[#names + 1] = 'o:' .. form .. '@' .. part
  end
  local floor = 0
  for _, at in ipairs(redis.call('HMGET', floors, unpack(names))) do
    if at and tonumber(at) > floor then floor = tonumber(at) end
  end
  return floor
end

local function is_owned(owner, wanted)
  if wanted == '' then return true end
  local key, user = string.match(owner, '^([^:]*):?(.*)$')
  local meant_key, meant_user = string.match(wanted, '^([^:]*):?(.*)$')
  return wanted ~= ':' and (meant_key == '' or meant_key == key) and (meant_user == '' or meant_user == user)
end

-- Those used least make room; what is new begins where they ended, so that use of long ago does not last for ever.
local function evict(part, gone)
  local least = redis.call('ZRANGE', uses_of(part), 0, 0, 'WITHSCORES')
  if #least == 0 then return false end
  redis.call('HSET', sums, 'l:' .. part, least[2])
  remove(part, least[1])
  gone[#gone + 1] = least[1]
  return true
end

local function put()
  local part, id, data, vector, owner = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
  local stored_us, ttl_ms, most, most_bytes = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
  redis.call('DEL', base .. 'a:' .. part .. ':' .. id)
  local now, written_us = now_ms(), now_us()
  if floor_of(part, owner) >= math.min(stored_us, written_us) then return {'forgotten'} end
  sweep(part, now, 64)
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', parts, '-inf', now, 'LIMIT', 0, 1)) do sweep(old, now, 200) end
  local size, gone = #data + #vector, {}
  local used = redis.call('ZSCORE', uses_of(part), id)
  remove(part, id)
  local over = redis.call('ZCARD', uses_of(part)) + 1 - most
  for _ = 1, math.min(over, 64) do evict(part, gone) end
  while tonumber(redis.call('HGET', sums, 'bytes') or '0') + size > most_bytes do
    if #gone >= 64 or not evict(part, gone) then return {'full', unpack(gone)} end
  end
  local floor = tonumber(redis.call('HGET', sums, 'l:' .. part) or '0')
  redis.call('HSET', entry_of(part, id), 'd', data, 'v', vector, 'o', owner, 'w', written_us, 'n', size)
  redis.call('PEXPIRE', entry_of(part, id), ttl_ms)
  redis.call('ZADD', uses_of(part), math.max(floor + 1, tonumber(used or '0')), id)
  redis.call('ZADD', ends_of(part), now + ttl_ms, id .. ':' .. size)
  redis.call('ZADD', parts, 'GT', now + ttl_ms, part)
  add(size, 1)
  return {'kept', unpack(gone)}
end

local function get()
  local part, id = ARGV[2], ARGV[3]
  local found = redis.call('HMGET', entry_of(part, id), 'd', 'v', 'o', 'w')
  if not found[1] or floor_of(part, found[3] or '') >= tonumber(found[4] or '0') then
    return {redis.call('EXISTS', base .. 'a:' .. part .. ':' .. id)}
  end
  local used = redis.call('ZSCORE', uses_of(part), id)
  if used then
    local floor = tonumber(redis.call('HGET', sums, 'l:' .. part) or '0')
    redis.call('ZADD', uses_of(part), math.max(floor, tonumber(used)) + 1, id)
  end
  return {0, found[1], found[2], found[3] or '', found[4]}
end

-- From now on nothing older is given out or taken, wherever it is: what is removed after this is only tidied up.
local function forget()
  local name, at = ARGV[2], tonumber(ARGV[3])
  if at == 0 then at = now_us() end
  local had = tonumber(redis.call('HGET', floors, name) or '0')
  if at > had then redis.call('HSET', floors, name, at) end
  local known = redis.call('HGETALL', floors)
  for place = 1, #known, 2 do
    if tonumber(known[place + 1]) < now_us() - ARGV[4] * 1000 then redis.call('HDEL', floors, known[place]) end
  end
  redis.call('PEXPIRE', floors, ARGV[4])
  return {math.max(at, had)}
end

local function drop()
  local part, floor, wanted, start = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
  local ids = redis.call('ZRANGE', uses_of(part), start, start + 99)
  local kept, gone = 0, {}
  for _, id in ipairs(ids) do
    local found = redis.call('HMGET', entry_of(part, id), 'w', 'o')
    if not found[1] then
      redis.call('ZREM', uses_of(part), id)
    elseif tonumber(found[1]) <= floor and is_owned(found[2] or '', wanted) then
      remove(part, id)
      gone[#gone + 1] = id
    else
      kept = kept + 1
    end
  end
  sweep(part, now_ms(), 100)
  return {#ids, kept, unpack(gone)}
end

local function tidy()
  local now, swept = now_ms(), 0
  local some = redis.call('ZRANGE', parts, ARGV[2], ARGV[3])
  for _, part in ipairs(some) do swept = swept + sweep(part, now, 200) end
  local said = redis.call('HMGET', sums, 'entries', 'bytes')
  return {#some, swept, tonumber(said[1] or '0'), tonumber(said[2] or '0')}
end

local function vectors()
  local part, found = ARGV[2], {}
  for place = 3, #ARGV do found[#found + 1] = redis.call('HGET', entry_of(part, ARGV[place]), 'v') or '' end
  return found
end

local function cease()
  local lock = base .. 'a:' .. ARGV[2] .. ':' .. ARGV[3]
  if redis.call('GET', lock) == ARGV[4] then return redis.call('DEL', lock) end
  return 0
end

local deeds = {put = put, get = get, forget = forget, drop = drop, tidy = tidy, vectors = vectors, cease = cease}
deeds.remove = function() return remove(ARGV[2], ARGV[3]) end
return deeds[verb]()

#!lua name=extproc_budget
-- Reserve, settle and void against every limit of one organisation at once: all of it or nothing, in one call.
-- Version 3. redis_functions.py calls it; docs/redis.md has the invariants and which test holds which.
--
-- KEYS[1] = P, such as "b:{acme}:": every key of a call shares its hash tag, hence one Cluster slot.
--   P c:<part>   HASH  u used, h held, g generation, e era, a highest alert percent told and w by whom,
--                      f until when it has a fence, ms.                           Missing is COLD, never zero
--   P p          HASH  reservation -> {c: [[part, held]…], b: [[bucket, tokens]…], n: [bucket…]}, while it is held
--                      # -> era: a counter of another one is COLD too. Who loses this key loses what is held, hence all
--   P x          ZSET  reservation -> deadline of its hold, ms
--   P d:<rid>    {s: "s"|"v"|"x", r: rank, c: {part: [generation, charged]}}, for a while after it is resolved
--   P f:<part>   HASH  reservation -> what of it the loaded baseline contains
--   P t:<bucket> HASH  r requests left, t tokens left, ts their time, ms.            Missing is full
--   P n:<bucket> ZSET  reservation -> deadline: who is under way
-- Amounts are whole numbers below 2^53, written out: cjson keeps 14 digits. Time is Redis's own.

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Unlike any before: nothing is loaded, lost and loaded again within a microsecond.
local function stamp()
  local time = redis.call('TIME')
  return time[1] .. '.' .. time[2]
end

local function number(value) return tonumber(value or '0') end
local function whole(value) return string.format('%.0f', value) end

-- What is held by this reservation, or nil, and the organisation's era.
local function pending_of(P, rid)
  local found = redis.call('HMGET', P .. 'p', rid, '#')
  return found[1] and cjson.decode(found[1]) or nil, found[2] or ''
end

-- Nobody's where there is none.
local function era_of(P) return redis.call('HGET', P .. 'p', '#') or '' end

-- What all pending reservations hold of each part.
local function held_now(P)
  local held = {}
  for _, raw in ipairs(redis.call('HVALS', P .. 'p')) do
    if raw:sub(1, 1) == '{' then
      for _, each in ipairs(cjson.decode(raw).c) do held[each[1]] = (held[each[1]] or 0) + each[2] end
    end
  end
  return held
end

-- Give back what a pending reservation holds. Its counters may have been lost and loaded meanwhile: a load counts the
-- pending ones, so what is COLD has nothing to give back.
-- Of those that are `current` it is known that they are not.
local function release(P, rid, pending, era, current)
  for _, each in ipairs(pending.c) do
    local key = P .. 'c:' .. each[1]
    if (current and current[each[1]]) or redis.call('HGET', key, 'e') == era then
      redis.call('HINCRBY', key, 'h', -each[2])
    end
  end
  for _, bucket in ipairs(pending.n) do redis.call('ZREM', P .. 'n:' .. bucket, rid) end
  redis.call('HDEL', P .. 'p', rid)
  redis.call('ZREM', P .. 'x', rid)
end

local function mark(P, rid, state, rank, charged, keep_ms)
  -- cjson writes an empty table as an object, which is what an empty map is.
  redis.call('SET', P .. 'd:' .. rid, cjson.encode({s = state, r = rank, c = charged}), 'PX', keep_ms)
end

local function sweep(P, now, keep_ms, most)
  local due = redis.call('ZRANGE', P .. 'x', '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
  for _, rid in ipairs(due) do
    local pending, era = pending_of(P, rid)
    if pending then
      release(P, rid, pending, era)
      mark(P, rid, 'x', 0, {}, keep_ms)
    else
      redis.call('ZREM', P .. 'x', rid)
    end
  end
  return #due
end

local function sum(P, parts, era, cold)
  local used, held = 0, 0
  for _, part in ipairs(parts) do
    local found = redis.call('HMGET', P .. 'c:' .. part, 'u', 'h', 'e')
    if found[1] and found[3] == era then
      used, held = used + number(found[1]), held + number(found[2])
    else
      cold[#cold + 1] = part
    end
  end
  return used, held
end

-- Levels of a bucket now. Rates are per ms; what was refunded beyond the brim is lost.
local function levels(P, bucket, now)
  local found = redis.call('HMGET', P .. 't:' .. bucket.id, 'r', 't', 'ts')
  local elapsed = math.max(0, now - number(found[3] or now))
  local function level(stored, per_minute)
    if not per_minute then return nil end
    return math.min(per_minute, tonumber(stored or per_minute) + elapsed * per_minute / 60000)
  end
  return level(found[1], bucket.rpm), level(found[2], bucket.tpm)
end

local function wait_ms(missing, per_minute) return math.ceil(missing * 60000 / per_minute) end

-- ARGV: rid, {hold, keep, c: [{parts, lim, hard, a, from, to, ttl}], b: [{id, rpm, tpm, cc, t}]}
local function reserve(keys, args)
  local P, rid, ask, now = keys[1], args[1], cjson.decode(args[2]), now_ms()
  local before, era = pending_of(P, rid)
  if before then return cjson.encode({ok = true, again = true, now = now}) end
  local done = redis.call('GET', P .. 'd:' .. rid)
  if done then return cjson.encode({ok = false, err = 'DONE', s = cjson.decode(done).s, now = now}) end
  sweep(P, now, ask.keep, 8)

  -- First everything is read and judged, and nothing written.
  local cold, denied, left = {}, nil, {}
  for index, counter in ipairs(ask.c) do
    if now < counter.from or now >= counter.to then return cjson.encode({ok = false, err = 'CLOCK', now = now}) end
    local used, held = sum(P, counter.parts, era, cold)
    local after = counter.lim - used - held - counter.a
    left[index] = whole(after)
    if counter.hard and after < 0 and not denied then
      denied = {what = 'c', i = index, used = whole(used), held = whole(held), wait = counter.to - now}
    end
  end
  if #cold > 0 then return cjson.encode({ok = false, err = 'COLD', cold = cold, now = now}) end
  local fill = {}
  for index, bucket in ipairs(ask.b) do
    local requests, tokens = levels(P, bucket, now)
    local busy = 0
    if bucket.cc then
      redis.call('ZREMRANGEBYSCORE', P .. 'n:' .. bucket.id, '-inf', now)
      busy = redis.call('ZCARD', P .. 'n:' .. bucket.id)
    end
    fill[index] = {requests or false, tokens or false, busy}
    if not denied then
      if requests and requests < 1 then
        denied = {what = 'r', i = index, used = math.floor(bucket.rpm - requests), held = 0,
                  wait = wait_ms(1 - requests, bucket.rpm)}
      elseif tokens and tokens < bucket.t and (bucket.t <= bucket.tpm or tokens < bucket.tpm) then
        -- What is larger than the bucket goes when the bucket is full, and leaves it in debt.
        local missing = math.min(bucket.t, bucket.tpm) - tokens
        denied = {what = 't', i = index, used = math.floor(bucket.tpm - tokens), held = 0,
                  wait = wait_ms(missing, bucket.tpm)}
      elseif bucket.cc and busy >= bucket.cc then
        denied = {what = 'n', i = index, used = busy, held = 0}
      end
    end
  end
  if denied then return cjson.encode({ok = false, err = 'DENIED', denied = denied, now = now}) end

  -- Then all of it.
  local held, taken, under_way = {}, {}, {}
  for index, counter in ipairs(ask.c) do
    local part = counter.parts[#counter.parts]
    redis.call('HINCRBY', P .. 'c:' .. part, 'h', counter.a)
    held[index] = {part, whole(counter.a)}
  end
  for index, bucket in ipairs(ask.b) do
    local requests, tokens, busy = unpack(fill[index])
    local key = P .. 't:' .. bucket.id
    local levels_now = {'ts', now}
    if requests then
      requests = requests - 1
      levels_now[3], levels_now[4] = 'r', string.format('%.6f', requests)
    end
    if tokens then
      tokens = tokens - bucket.t
      levels_now[#levels_now + 1], levels_now[#levels_now + 2] = 't', string.format('%.6f', tokens)
    end
    if requests or tokens then
      redis.call('HSET', key, unpack(levels_now))
      -- Long enough to be full again, also out of debt.
      local debt = math.max(0, -(tokens or 0)) / (bucket.tpm or 1)
      redis.call('PEXPIRE', key, math.ceil((2 + debt) * 60000))
    end
    taken[index] = {bucket.id, bucket.t}
    if bucket.cc then
      redis.call('ZADD', P .. 'n:' .. bucket.id, now + ask.hold, rid)
      redis.call('PEXPIRE', P .. 'n:' .. bucket.id, math.max(ask.hold, redis.call('PTTL', P .. 'n:' .. bucket.id)))
      under_way[#under_way + 1] = bucket.id
    end
    fill[index] = {requests or false, tokens or false, busy + 1}
  end
  redis.call('HSET', P .. 'p', rid, cjson.encode({c = held, b = taken, n = under_way}))
  redis.call('ZADD', P .. 'x', now + ask.hold, rid)
  return cjson.encode({ok = true, now = now, left = left, fill = fill})
end

-- ARGV: rid, {rank, keep, c: [[part, amount, expected generation]…], b: [[bucket, tokens used]…], expect}
-- Idempotent by counter: what was applied is known from the mark while the generation is the same, and from the fence
-- of the load otherwise. A higher rank corrects a lower one by the difference. Where a counter is missing nothing is
-- charged at all: the caller loads it and comes again.
local function settle(keys, args)
  local P, rid, bill, now = keys[1], args[1], cjson.decode(args[2]), now_ms()
  local raw = redis.call('GET', P .. 'd:' .. rid)
  local done = raw and cjson.decode(raw) or nil
  local is_settled = done ~= nil and done.s == 's'
  if is_settled and done.r > bill.rank then
    return cjson.encode({ok = true, how = 'OUTRANKED', now = now, r = done.r, was = done.c})
  end

  local pending, era = pending_of(P, rid)
  local cold, before = {}, {}
  for index, each in ipairs(bill.c) do
    before[index] = redis.call('HMGET', P .. 'c:' .. each[1], 'e', 'g', 'a', 'f', 'u')
    if before[index][1] ~= era then cold[#cold + 1] = each[1] end
  end
  if #cold > 0 then return cjson.encode({ok = false, err = 'COLD', cold = cold, now = now}) end

  local charged, told, moved, current = {}, {}, false, {}
  for index, each in ipairs(bill.c) do
    local part, amount, _, g, alerted, fenced, used = each[1], each[2], unpack(before[index])
    local mine = is_settled and done.c[part] or nil
    local applied
    if mine and mine[1] == g then
      applied = number(mine[2])
    elseif not done and bill.expect and each[3] == g then
      -- The mark is long gone; the caller remembers the generation that it was applied to.
      applied = amount
    else
      applied = number(fenced) > now and number(redis.call('HGET', P .. 'f:' .. part, rid)) or 0
    end
    if amount ~= applied then
      used = redis.call('HINCRBY', P .. 'c:' .. part, 'u', amount - applied)
      moved = true
    end
    charged[part] = {g, whole(amount)}
    told[index] = {part, g, whole(used), alerted or '0'}
    current[part] = true
  end
  if pending then
    release(P, rid, pending, era, current)
    local used = {}
    for _, each in ipairs(bill.b) do used[each[1]] = each[2] end
    for _, each in ipairs(pending.b) do
      local key = P .. 't:' .. each[1]
      local difference = each[2] - (used[each[1]] or each[2])
      if difference ~= 0 and redis.call('HEXISTS', key, 't') == 1 then
        redis.call('HINCRBYFLOAT', key, 't', difference)
      end
    end
  else
    -- Long given up, or nobody knows of it any more: under way it is not.
    for _, each in ipairs(bill.b) do redis.call('ZREM', P .. 'n:' .. each[1], rid) end
  end
  mark(P, rid, 's', bill.rank, charged, bill.keep)
  local how = pending and 'OK' or (moved and 'LATE' or 'AGAIN')
  return cjson.encode({ok = true, how = how, now = now, c = told})
end

-- ARGV: part, percent, who. True once for each percentage of each counter, to whoever is first, however often they ask.
local function alert(keys, args)
  local key, percent = keys[1] .. 'c:' .. args[1], tonumber(args[2])
  local found = redis.call('HMGET', key, 'g', 'a', 'w')
  if not found[1] or number(found[2]) > percent then return 0 end
  if number(found[2]) == percent then return found[3] == args[3] and 1 or 0 end
  redis.call('HSET', key, 'a', percent, 'w', args[3])
  return 1
end

-- ARGV: rid, keep. Nothing was used: the hold and the tokens go back, the request was made all the same.
local function void(keys, args)
  local P, rid = keys[1], args[1]
  local pending, era = pending_of(P, rid)
  if not pending then return redis.call('EXISTS', P .. 'd:' .. rid) == 1 and 'AGAIN' or 'GONE' end
  release(P, rid, pending, era)
  for _, each in ipairs(pending.b) do
    local key = P .. 't:' .. each[1]
    if redis.call('HEXISTS', key, 't') == 1 then redis.call('HINCRBYFLOAT', key, 't', each[2]) end
  end
  mark(P, rid, 'v', 0, {}, tonumber(args[2]))
  return 'OK'
end

-- ARGV: hold, rid…  Each one that is still held, is held for that much longer from now. How many were.
local function extend(keys, args)
  local P, hold, now, count = keys[1], tonumber(args[1]), now_ms(), 0
  for index = 2, #args do
    local raw = redis.call('HGET', P .. 'p', args[index])
    if raw then
      redis.call('ZADD', P .. 'x', now + hold, args[index])
      for _, bucket in ipairs(cjson.decode(raw).n) do
        redis.call('ZADD', P .. 'n:' .. bucket, now + hold, args[index])
        redis.call('PEXPIRE', P .. 'n:' .. bucket, math.max(hold, redis.call('PTTL', P .. 'n:' .. bucket)))
      end
      count = count + 1
    end
  end
  return count
end

-- ARGV: {ttl, keep, c: [[part, used, percent told, [rid, amount, rid, amount…]]…]}. Counters as the ledger has them,
-- with the recent rows that are within; what is held is counted anew from what is pending. Nothing where one exists.
local function load(keys, args)
  local P, ask = keys[1], cjson.decode(args[1])
  local era = era_of(P)
  if era == '' then
    era = stamp()
    redis.call('HSET', P .. 'p', '#', era)
  end
  local held, generation = held_now(P), stamp()
  for _, each in ipairs(ask.c) do
    local part, recent = each[1], each[4]
    local key, fence = P .. 'c:' .. part, P .. 'f:' .. part
    if redis.call('HGET', key, 'e') ~= era then
      redis.call('DEL', fence)
      for index = 1, #recent, 2 do redis.call('HSET', fence, recent[index], recent[index + 1]) end
      if #recent > 0 then redis.call('PEXPIRE', fence, ask.keep) end
      local h, f = whole(held[part] or 0), #recent > 0 and now_ms() + ask.keep or 0
      redis.call('HSET', key, 'u', each[2], 'h', h, 'g', generation, 'e', era, 'a', each[3], 'w', '', 'f', f)
      redis.call('PEXPIRE', key, ask.ttl)
    end
  end
  return 'OK'
end

-- ARGV: part, used or "" to leave it. Repair: held from what is pending, used from the ledger. What it was, and is now.
local function recount(keys, args)
  local P, part = keys[1], args[1]
  local key = P .. 'c:' .. part
  local found = redis.call('HMGET', key, 'u', 'h', 'e')
  if not found[1] or found[3] ~= era_of(P) then return cjson.encode({ok = false}) end
  local held = whole(held_now(P)[part] or 0)
  local used = args[2] == '' and found[1] or args[2]
  redis.call('HSET', key, 'u', used, 'h', held)
  return cjson.encode({ok = true, was = {found[1], found[2]}, is = {used, held}})
end

-- ARGV: part…  [used, held] of each, or false where it is COLD.
local function show(keys, args)
  local P, found, era = keys[1], {}, era_of(keys[1])
  for index, part in ipairs(args) do
    local value = redis.call('HMGET', P .. 'c:' .. part, 'u', 'h', 'e')
    found[index] = value[1] and value[3] == era and {value[1], value[2]} or false
  end
  return cjson.encode(found)
end

-- ARGV: keep, most, hold. Gives back what is overdue; how many there were. Holds whose deadlines were lost get new ones.
local function tidy(keys, args)
  local P, now = keys[1], now_ms()
  if redis.call('HLEN', P .. 'p') - 1 > redis.call('ZCARD', P .. 'x') then
    for _, rid in ipairs(redis.call('HKEYS', P .. 'p')) do
      if rid ~= '#' then redis.call('ZADD', P .. 'x', 'NX', now + tonumber(args[3]), rid) end
    end
  end
  return sweep(P, now, tonumber(args[1]), tonumber(args[2]))
end

-- A new era: every counter is COLD, and loaded from the ledger as it is missed. What is held stays held.
local function renew(keys, args)
  redis.call('HSET', keys[1] .. 'p', '#', stamp())
  return 'OK'
end

redis.register_function('extproc_budget_reserve', reserve)
redis.register_function('extproc_budget_settle', settle)
redis.register_function('extproc_budget_void', void)
redis.register_function('extproc_budget_extend', extend)
redis.register_function('extproc_budget_load', load)
redis.register_function('extproc_budget_alert', alert)
redis.register_function('extproc_budget_recount', recount)
redis.register_function('extproc_budget_show', show)
redis.register_function('extproc_budget_tidy', tidy)
redis.register_function('extproc_budget_renew', renew)

-- The health of all deployments, in one step: takes what a worker saw, gives what has changed for it.
--
-- The same sums as extproc/policy/health.py and the same seats as extproc/policy/flights.py; read those first. A state
-- is JSON: f failures, k rung, u cooldown_until, c trouble, b bad, j judged, s token sum, w token weight, a faded_at,
-- p probe_until, x rejected_at, h heard_at, n in flight, r slots {number, requests, tokens}.
-- A seat: p plan, t tokens, s sent, l left, m metered, o over (1) or not, d deadline.

local STATES, CHANGED, SEATS, DEADLINES, META = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local asked = cjson.decode(ARGV[1])
local now, rules = asked.now, asked.rules
local HALF_TOKEN, HALF_ERROR, SLOT, SLOTS, KEEP = rules.half_token, rules.half_error, rules.slot, rules.slots, rules.keep

local states, touched = {}, {}

local function get(name)
  if not states[name] then
    local written = redis.call('HGET', STATES, name)
    states[name] = written and cjson.decode(written)
      or {f = 0, k = 0, u = 0, b = 0, j = 0, s = 0, w = 0, a = 0, p = 0, x = 0, h = 0, n = 0, r = {}}
  end
  touched[name] = true
  return states[name]
end

local function left(age, half) return 2 ^ (-math.max(age, 0) / half) end

local function used(name, requests, tokens, at)
  local state, number = get(name), math.floor(at / SLOT)
  local slots, found = {}, false
  for _, slot in ipairs(state.r) do
    if slot[1] > number - SLOTS then
      if slot[1] == number then
        slot[2], slot[3], found = slot[2] + requests, slot[3] + tokens, true
      end
      slots[#slots + 1] = slot
    end
  end
  if not found then
    slots[#slots + 1] = {number, requests, tokens}
    table.sort(slots, function(one, other) return one[1] < other[1] end)
  end
  state.r, state.h = slots, math.max(state.h, at)
end

local function blamed(state, verdict, at, cooling)
  local told = verdict.c == 'rate_limited'
  if told and verdict.r then
    local wait = math.min(math.max(verdict.r, 1), rules.max_retry_after) * (1 + rules.jitter * verdict.d)
    state.u, state.c = math.max(state.u, at + wait), verdict.c
    return
  end
  if cooling or not (told or state.c or state.f >= rules.allowed_fails) then return end
  local usual = rules.cooldown * 2 ^ state.k * (1 - rules.jitter + 2 * rules.jitter * verdict.d)
  state.u = at + math.min(usual, rules.max_cooldown)
  state.k, state.c = math.min(state.k + 1, rules.max_rung), verdict.c
end

local function judged(name, verdict, at)
  local state = get(name)
  local errors, tokens = left(at - state.a, HALF_ERROR), left(at - state.a, HALF_TOKEN)
  state.b, state.j, state.s, state.w = state.b * errors, state.j * errors, state.s * tokens, state.w * tokens
  state.a, state.h = math.max(state.a, at), math.max(state.h, at)
  local cooling = at < state.u
  if verdict.x then state.x = math.max(state.x, at) end
  if verdict.j == 'nobodys' then
    state.p = math.min(state.p, at)
  elseif verdict.j == 'ok' then
    if verdict.t then state.s, state.w = state.s + verdict.t, state.w + 1 end
    state.j = state.j + 1
    if not cooling then state.f, state.k, state.c, state.p = 0, 0, nil, 0 end
  else
    state.j, state.b, state.f = state.j + 1, state.b + 1, state.f + 1
    blamed(state, verdict, at, cooling)
  end
end

local function at_of(seat)
  if seat.o == 1 then return nil end
  for _, name in ipairs(seat.p) do
    if not seat.l[name] then return name end
  end
  return nil
end

local function close(seat, at)
  if seat.o ~= 1 then seat.o, seat.d = 1, at + KEEP end
end

local function send(seat, name, at)
  seat.s[name] = 1
  used(name, 1, seat.m[name] and 0 or seat.t, at)
end

local function move(seat, before, at)
  local after = at_of(seat)
  if not before or before == after then return end
  get(before).n = get(before).n - 1
  if after then
    get(after).n = get(after).n + 1
    send(seat, after, at)
  end
end

local function begin(seat, plan, tokens, deadline, at)
  if #seat.p > 0 then return end
  seat.p, seat.t = plan, tokens
  if seat.o ~= 1 then seat.d = deadline end
  local sent, current = {}, at_of(seat)
  for _, name in ipairs(plan) do
    if seat.l[name] then sent[#sent + 1] = name end
  end
  if current then sent[#sent + 1] = current elseif #sent == 0 then sent = {plan[1]} end
  for _, name in ipairs(sent) do send(seat, name, at) end
  if current then get(current).n = get(current).n + 1 end
end

-- A worker often tells of one exchange from beginning to end at once: it is read and written once.
local seats = {}

local function seat_of(id, at)
  if not seats[id] then
    local written = redis.call('HGET', SEATS, id)
    seats[id] = written and cjson.decode(written) or {p = {}, t = 0, s = {}, l = {}, m = {}, o = 0, d = at + KEEP}
  end
  return seats[id]
end

for _, fact in ipairs(asked.facts) do
  local kind, at = fact[1], fact[3]
  if kind == 'probing' then
    local state = get(fact[2])
    state.p = math.max(state.p, fact[4])
  elseif kind == 'cooling' then
    local state = get(fact[2])
    if fact[4] > state.u then state.u, state.c, state.k = fact[4], fact[5], math.max(state.k, fact[6]) end
  else
    local id = fact[2]
    local seat = seat_of(id, at)
    local before = at_of(seat)
    if kind == 'started' then
      begin(seat, fact[4], fact[5], fact[6], at)
    elseif kind == 'ended' then
      if not seat.l[fact[4]] then
        seat.l[fact[4]] = 1
        if fact[5].l then close(seat, at) end
        judged(fact[4], fact[5], at)
        move(seat, before, at)
      end
    elseif kind == 'metered' then
      if not seat.m[fact[4]] then
        seat.m[fact[4]] = 1
        used(fact[4], 0, fact[5] - (seat.s[fact[4]] and seat.t or 0), at)
      end
    else
      close(seat, at)
      move(seat, before, at)
    end
  end
end

for id, seat in pairs(seats) do
  redis.call('HSET', SEATS, id, cjson.encode(seat))
  redis.call('ZADD', DEADLINES, seat.d, id)
end

-- At most so many at a time: a million seats that end together must not hold up everybody else.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', now, 'LIMIT', 0, 500)) do
  local written = redis.call('HGET', SEATS, id)
  local name = written and at_of(cjson.decode(written))
  if name then get(name).n = math.max(get(name).n - 1, 0) end
  redis.call('HDEL', SEATS, id)
  redis.call('ZREM', DEADLINES, id)
end

local epoch = redis.call('HGET', META, 'epoch')
if not epoch then
  epoch = asked.nonce
  redis.call('HSET', META, 'epoch', epoch)
end

if next(touched) then
  local revision = redis.call('HINCRBY', META, 'revision', 1)
  for name in pairs(touched) do
    redis.call('HSET', STATES, name, cjson.encode(states[name]))
    redis.call('ZADD', CHANGED, revision, name)
  end
end

-- Once a minute somebody looks for those that nobody has heard of.
local swept = tonumber(redis.call('HGET', META, 'swept') or 0)
if now - swept > 60 or swept - now > 60 then
  redis.call('HSET', META, 'swept', now)
  local all = redis.call('HGETALL', STATES)
  for i = 1, #all, 2 do
    local state = cjson.decode(all[i + 1])
    if now - math.max(state.h, state.u) > rules.forget and state.n <= 0 then
      redis.call('HDEL', STATES, all[i])
      redis.call('ZREM', CHANGED, all[i])
    end
  end
end

for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, rules.expire) end

local since = (asked.epoch == epoch) and asked.revision or 0
local wanted = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', CHANGED, '(' .. since, '+inf')) do wanted[name] = true end
for _, name in ipairs(asked.names) do wanted[name] = true end
local reply = {epoch, tonumber(redis.call('HGET', META, 'revision') or 0)}
for name in pairs(wanted) do
  local written = redis.call('HGET', STATES, name)
  if written then
    reply[#reply + 1] = name
    reply[#reply + 1] = written
  end
end
return reply

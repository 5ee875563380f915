#!lua flags=allow-oom
-- status: what is true of workstreams now. It asks the gates that admission asks, so that
-- "why held" is what admission would say. Reading writes nothing but the clock's mark.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {wants: [[workstream, cost of the job that asks why]...], epoch, fresh}
-- Returns  {now µs, [JSON object | "!" and what stands there instead]...}, one for each want
--
-- In the objects times are text, because cjson writes 14 digits and µs since 1970 have 16.
--! include base clock settings events rate gate batch ready latch live

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)

-- The first jobs of this many keys are looked at for the oldest wait: bounded work, and
-- exact for up to so many keys; with more, the keys whose turn it is soonest.
local KEYS_LOOKED_AT = 8

local WORKERS

-- How many live sessions list each workstream; counted once a call.
local function workers_of(ws)
  if not WORKERS then
    WORKERS = {}
    for _, sid in ipairs(redis.call('ZRANGEBYSCORE', keys.root .. 'sessions', '(' .. clock.text, '+inf')) do
      local named = redis.call('HGET', keys.session(sid), 'workstreams') or ''
      for name in named:gmatch('[^,]+') do WORKERS[name] = (WORKERS[name] or 0) + 1 end
    end
  end
  return WORKERS[ws] or 0
end

local function slots_of(set)
  local slots = {}
  for _, name in ipairs(set.limits) do
    local limit = settings.limit(name)
    if limit.concurrency then
      slots[#slots + 1] = {limit = name, used = redis.call('ZCARD', limit.holders), allowed = limit.concurrency}
    end
  end
  return slots
end

local function rates_of(set)
  local rates = {}
  for _, name in ipairs(set.limits) do
    local limit = settings.limit(name)
    for _, r in ipairs(limit.rates) do
      if not r.idle then
        local used = rate.read(limit, r)
        -- After a loss of data a whole window counts as used.
        if clock.lost > 0 and clock.now < clock.lost + r.span then used = r.permits end
        rates[#rates + 1] = {limit = name, permits = r.permits, window = r.window, used = used}
      end
    end
  end
  return rates
end

-- What the file says where an operator said otherwise.
local function overridden(set)
  local found = {}
  for _, name in ipairs(set.limits) do
    local file, now = live.of_limit(name)
    if file and (now.rates or now.concurrency) then
      found[#found + 1] = {limit = name, rates = now.rates and file.rates, concurrency = now.concurrency and file.concurrency}
    end
  end
  return found
end

-- What is due but not promoted yet waits in truth: promotion is admission's, and there may be no worker.
local function counted(ws)
  local due = redis.call('ZCOUNT', keys.ws(ws, 'scheduled'), '-inf', clock.text)
  return ready.count(ws) + due, redis.call('ZCARD', keys.ws(ws, 'scheduled')) - due
end

local function since_of(ws, id)
  local times = redis.call('HMGET', keys.job(ws, id), 'sent', 'due')
  return math.max(tonumber(times[1]) or clock.now, tonumber(times[2]) or 0)
end

-- µs at which the wait of the job that waits longest began, or nil.
local function oldest_of(ws)
  local oldest = nil
  for _, key in ipairs(redis.call('ZRANGE', keys.ws(ws, 'keys'), 0, KEYS_LOOKED_AT - 1)) do
    local id = redis.call('ZRANGE', keys.ready(ws, key), 0, 0)[1]
    if id then oldest = math.min(oldest or clock.now, since_of(ws, id)) end
  end
  local due = ready.next_due(ws)
  if due and due <= clock.now then oldest = math.min(oldest or clock.now, due) end
  return oldest
end

local function minute_of(ws, ago)
  local minute = digits(math.floor(clock.now / 60000000) - ago)
  local found = redis.call('HMGET', keys.ws(ws, 'minute:' .. minute), 'sent', 'done', 'retried', 'dead', 'late')
  local totals = {}
  for i, name in ipairs({'sent', 'done', 'retried', 'dead', 'late'}) do totals[name] = tonumber(found[i]) or 0 end
  return totals
end

local function why_held(ws, cost, waiting, paused)
  if paused then return 'paused', ws, nil end
  if waiting == 0 then return '', '', nil end
  local _, why, by, at = gate.of(ws, cost)
  if why then return why, by, at end
  if workers_of(ws) == 0 then return 'no worker', '', nil end
  return 'next', '', nil
end

local function state_of(ws, cost)
  local set = settings.of(ws)
  local waiting, scheduled = counted(ws)
  local why, by, at = why_held(ws, cost, waiting, set and set.paused)
  local oldest = oldest_of(ws)
  return cjson.encode({
    published = set and true or false, paused = set and set.paused or false,
    waiting = waiting, scheduled = scheduled,
    running = redis.call('ZCARD', keys.ws(ws, 'running')), dead = redis.call('ZCARD', keys.ws(ws, 'dead')),
    slots = set and slots_of(set) or {}, rates = set and rates_of(set) or {}, file = set and overridden(set) or {},
    why = why, by = by, at = at and digits(at) or '', oldest = oldest and digits(oldest) or '',
    minutes = {minute_of(ws, 0), minute_of(ws, 1)},
    late = tonumber(redis.call('HGET', keys.ws(ws, 'count'), 'late')) or 0,
    workers = workers_of(ws),
  })
end

local states = {}
for i, want in ipairs(call.wants) do
  -- Content of another kind under one workstream's keys must not hide the others.
  local fine, state = pcall(state_of, want[1], want[2])
  if not fine then state = '!' .. tostring(type(state) == 'table' and state.err or state) end
  states[i] = state
end
return {clock.text, states}

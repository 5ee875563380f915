#!lua flags=allow-oom
-- status: what is true of workstreams now. It asks the gates that admission asks, so that
-- "why held" is what admission would say. Reading writes nothing but the clock's mark.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {wants: [[workstream, cost of the job that asks why, its key | nil for whatever stands first]...],
--          epoch, fresh}
-- Returns  {now µs, [JSON object | "!" and what stands there instead]...}, one for each want
--
-- In the objects times are text, because cjson writes 14 digits and µs since 1970 have 16.

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

-- What is due but not promoted yet waits in truth: promotion is admission's, and there may be no worker.
local function counted(ws)
  local due = redis.call('ZCOUNT', keys.ws(ws, 'scheduled'), '-inf', clock.text)
  return tally.ready(ws) + due, redis.call('ZCARD', keys.ws(ws, 'scheduled')) - due
end

local function since_of(ws, id)
  local times = redis.call('HMGET', keys.job(ws, id), 'sent', 'due')
  return math.max(tonumber(times[1]) or clock.now, tonumber(times[2]) or 0)
end

-- µs at which the wait of the job that waits longest began, or nil.
local function oldest_of(ws)
  local oldest = nil
  for _, place in ipairs({'keys', 'held'}) do
    for _, key in ipairs(redis.call('ZRANGE', keys.ws(ws, place), 0, KEYS_LOOKED_AT - 1)) do
      local id = redis.call('ZRANGE', keys.ready(ws, key), 0, 0)[1]
      if id then oldest = math.min(oldest or clock.now, since_of(ws, id)) end
    end
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

-- What holds the key of a job, or, asked without a key, all keys that have jobs: how, and until when (nil: no time
-- is known).
local function key_held(ws, cost, key)
  if not turns.any_held(ws) and not key then return nil end
  if not key then
    if redis.call('EXISTS', keys.ws(ws, 'keys')) == 1 then return nil end
    local _, at = turns.next_free(ws)
    return 'key', at
  end
  if redis.call('HEXISTS', keys.ws(ws, 'paused_keys'), key) == 1 then return 'paused', nil end
  local held, room = turns.is_held(ws, key), gate.of_key(ws, key)
  local why, _, at
  if room then why, _, at = gate.refuses(room, cost) end
  if not why and held and held ~= 'inf' and tonumber(held) > clock.now then why, at = 'upstream', tonumber(held) end
  return why, at
end

-- Returns why, the limit, µs, and for a key what of it holds.
local function why_held(ws, cost, key, waiting)
  local set = settings.of(ws)
  if waiting == 0 then return set and set.paused and 'paused' or '', set and set.paused and ws or '', nil end
  if not set then return 'unsettled', ws, nil end
  local room = gate.of_workstream(ws)
  local why, by, at = gate.refuses(room, cost)
  local held, free = nil, nil
  if why ~= 'paused' then held, free = key_held(ws, cost, key) end
  -- Of two times the later one is when it may start.
  if held and not (why and (not at or (free and at >= free))) then return 'key', ws, free, held end
  if why then return why, by, at end
  if workers_of(ws) == 0 then return 'no worker', '', nil end
  return 'next', '', nil
end

local function state_of(ws, cost, key)
  local set = settings.of(ws)
  local waiting, scheduled = counted(ws)
  local why, by, at, of_key = why_held(ws, cost, key, waiting)
  local oldest, limits = oldest_of(ws), set and set.limits or {}
  return cjson.encode({
    published = set and true or false, paused = set and set.paused or false,
    waiting = waiting, scheduled = scheduled,
    running = redis.call('ZCARD', keys.ws(ws, 'running')) - redis.call('ZCARD', keys.ws(ws, 'guests')), dead = redis.call('ZCARD', keys.ws(ws, 'dead')),
    slots = usage.slots(limits), rates = usage.rates(limits), file = usage.overridden(limits),
    why = why, by = by, at = at and digits(at) or '', of_key = of_key, oldest = oldest and digits(oldest) or '',
    minutes = {minute_of(ws, 0), minute_of(ws, 1)},
    late = tonumber(redis.call('HGET', keys.ws(ws, 'count'), 'late')) or 0,
    workers = workers_of(ws),
  })
end

local states = {}
for i, want in ipairs(call.wants) do
  -- Content of another kind under one workstream's keys must not hide the others.
  local fine, state = pcall(state_of, want[1], want[2], want[3] ~= cjson.null and want[3] or nil)
  if not fine then state = '!' .. tostring(type(state) == 'table' and state.err or state) end
  states[i] = state
end
return {clock.text, states}

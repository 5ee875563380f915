-- Keys take turns by virtual time (start-time fair queuing, Goyal et al. 1996), each by its weight. A key with
-- ready jobs stands in `keys` at its turn, or in `held` until the time at which its own limits let it start
-- (inf: until one of its jobs ends, or an operator says so); never in both. What a key without a turn is
-- ahead of its workstream's clock is kept in `idle` until the clock has passed it: being idle or held saves up no credit.
local turns = {}

local function clock_of(ws) return tonumber(door.of(ws).clock) or 0 end

-- Gives a key its turn.
function turns.list(ws, key)
  order.flush(ws)
  local own = tonumber(redis.call('ZSCORE', keys.ws(ws, 'idle'), key) or 0)
  redis.call('ZADD', keys.ws(ws, 'keys'), math.max(clock_of(ws), own), key)
  if own > 0 then redis.call('ZREM', keys.ws(ws, 'idle'), key) end
end

function turns.any_held(ws)
  local set = settings.of(ws)
  return set and set.holds
end

function turns.is_held(ws, key)
  return key ~= '' and turns.any_held(ws) and redis.call('ZSCORE', keys.ws(ws, 'held'), key)
end

-- at: until when it is held, nil when it has no more jobs.
local function park(ws, key, turn, now, at)
  if turn > now then redis.call('ZADD', keys.ws(ws, 'idle'), turn, key) end
  if at then
    redis.call('ZADD', keys.ws(ws, 'held'), 'GT', at == math.huge and '+inf' or digits(at), key)
    settings.note_holds(ws, '1')
  end
end

-- Keeps a key out of the line until `at`. A later time that holds it already stays.
function turns.hold(ws, key, at)
  order.flush(ws)
  local turn = tonumber(redis.call('ZSCORE', keys.ws(ws, 'keys'), key) or 0)
  redis.call('ZREM', keys.ws(ws, 'keys'), key)
  park(ws, key, turn, clock_of(ws), at)
end

-- Back into the line, if it has jobs. Returns whether it has.
function turns.resume(ws, key)
  redis.call('ZREM', keys.ws(ws, 'held'), key)
  if redis.call('EXISTS', keys.ready(ws, key)) == 0 then return false end
  turns.list(ws, key)
  return true
end

-- Its own limits hold it no longer; an upstream may.
function turns.go_on(ws, key)
  local shut = redis.call('ZSCORE', keys.ws(ws, 'shut_keys'), key)
  if shut and tonumber(shut) > clock.now then
    redis.call('ZADD', keys.ws(ws, 'held'), shut, key)
  else
    turns.resume(ws, key)
  end
end

-- What its limits hold it for is no longer so: they are asked again.
function turns.review(ws, key)
  if redis.call('HEXISTS', keys.ws(ws, 'paused_keys'), key) == 0 then
    turns.go_on(ws, key)
  else
    redis.call('HSET', keys.ws(ws, 'paused_keys'), key, '0')
  end
end

-- One of the key's jobs has ended, and its slot is free.
function turns.free(ws, key)
  if turns.is_held(ws, key) == 'inf' then turns.review(ws, key) end
end

local RESUMED_AT_ONCE = 100

-- Keys whose time has come stand in the line again.
function turns.promote(ws)
  if not turns.any_held(ws) then return end
  local held = keys.ws(ws, 'held')
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', held, '-inf', clock.text, 'LIMIT', 0, RESUMED_AT_ONCE)) do
    turns.resume(ws, key)
  end
  if redis.call('EXISTS', held) == 0 then settings.note_holds(ws, '0') end
end

-- The held key that may start next, and the µs at which it may; nil if there is none.
function turns.next_free(ws)
  if not turns.any_held(ws) then return nil end
  local key, at = unpack(redis.call('ZRANGE', keys.ws(ws, 'held'), 0, 0, 'WITHSCORES'))
  if key and at ~= 'inf' then return key, tonumber(at) end
end

-- The last key is gone: so is what keys were ahead of each other.
local function end_busy_period(ws)
  local idle = keys.ws(ws, 'idle')
  local furthest = redis.call('ZRANGE', idle, -1, -1, 'WITHSCORES')[2]
  if not furthest or (turns.any_held(ws) and redis.call('EXISTS', keys.ws(ws, 'held')) == 1) then return end
  door.write(ws, 'clock', furthest)
  redis.call('DEL', idle)
end

-- The clock of a workstream moves on with every job by what is at most one job's share of all its keys, and
-- is never behind the key whose turn it is: so keys that come later stand behind those that wait.
local function move_clock(ws, line, turn, n)
  local now = math.max(clock_of(ws) + n / (line.count * settings.of(ws).heaviest), turn)
  door.write(ws, 'clock', string.format('%.17g', now))
  line.moved = true
  return now
end

-- Of a head {line, key, turn, alone} `n` jobs have started; what only made way costs no turn. left: whether it has
-- more; at: from when on these may start, nil for now. A key that is alone takes no turns but one: whoever comes beside
-- it goes before its next job.
function turns.pass(ws, head, n, left, at)
  local key, turn, now = head.key, head.turn, nil
  if head.alone then
    if left and not at then
      local clock = clock_of(ws)
      if n > 0 and turn <= clock then order.move(head.line, key, clock + 1 / (settings.of(ws).weights[key] or 1)) end
      return
    end
    now = at and clock_of(ws) or math.huge
  else
    now = move_clock(ws, head.line, turn, n)
    turn = turn + n / (settings.of(ws).weights[key] or 1)
    if left and not at then
      order.move(head.line, key, turn)
      return
    end
  end
  order.remove(head.line, key)
  park(ws, key, turn, now, left and at)
  if head.alone then end_busy_period(ws) end
end

-- The head of the line may not start before `at`.
function turns.hold_head(ws, head, at)
  order.remove(head.line, head.key)
  park(ws, head.key, head.turn, clock_of(ws), at)
end

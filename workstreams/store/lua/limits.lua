#!lua flags=allow-oom
-- limits: what limits allow, what the file says, and how much is used now. Reading writes nothing but
-- the clock's mark.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {wants: [[limit, key ("" for the limit itself)]...], epoch, fresh}
-- Returns  {now µs, [JSON object | "" where nobody published it | "!" and what stands there instead]...}
--
-- In the objects times are text, because cjson writes 14 digits and µs since 1970 have 16.

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)

-- Until when nothing that costs 1 may start, as far as a time is known.
local function blocked_until(room)
  local _, _, at = gate.refuses(room, 1)
  return at and digits(at) or ''
end

local function limit_state(name)
  local file, set = live.of_limit(name)
  if not file then return '' end
  local limit, at = settings.limit(name), blocked_until(gate.of({name}))
  return cjson.encode({
    file = file, set = set, used = usage.add_rates({}, limit), at = at, running = redis.call('ZCARD', limit.holders),
    held = live.held_by(name), keys = redis.call('HKEYS', keys.ws(name, 'key_overrides')),
  })
end

local function key_state(ws, key)
  local file, set = live.of_key(ws, key)
  if not file then return '' end
  local limit = settings.key(ws, key)
  if redis.call('HEXISTS', keys.ws(ws, 'paused_keys'), key) == 1 then set.paused = '1' end
  return cjson.encode({
    file = file, set = set, used = limit and usage.add_rates({}, limit) or {}, held = {ws}, keys = {},
    at = limit and blocked_until(gate.of_key(ws, key)) or '',
    running = limit and limit.concurrency and redis.call('ZCARD', limit.holders) or nil,
  })
end

local states = {}
for i, want in ipairs(call.wants) do
  -- Content of another kind under one limit's keys must not hide the others.
  local fine, state = pcall(want[2] == '' and limit_state or key_state, want[1], want[2])
  if not fine then state = '!' .. tostring(type(state) == 'table' and state.err or state) end
  states[i] = state
end
return {clock.text, states}

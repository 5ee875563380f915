#!lua flags=allow-oom
-- limits: what limits allow, what the file says, and how much is used now. Reading writes nothing but
-- the clock's mark.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {wants: [[limit, key ("" for the limit itself)]...], epoch, fresh}
-- Returns  {now µs, [JSON object | "" where nobody published it | "!" and what stands there instead]...}
--
-- In the objects times are text, because cjson writes 14 digits and µs since 1970 have 16.
--! include base clock settings events rate latch live

local call = cjson.decode(ARGV[1])
clock.read(call.epoch, call.fresh)

-- How much of each rate is used, and when the last of them has room for one more.
local function use_of(limit)
  local used, at = {}, nil
  for _, r in ipairs(limit.rates) do
    if not r.idle then
      local spent = rate.read(limit, r)
      local _, _, when = rate.room(limit, r, 1)
      -- After a loss of data a whole window counts as used.
      if clock.lost > 0 and clock.now < clock.lost + r.span then spent = r.permits end
      used[#used + 1] = {window = r.window, used = spent}
      if when then at = math.max(at or 0, when) end
    end
  end
  return used, at
end

local function limit_state(name)
  local file, set = live.of_limit(name)
  if not file then return '' end
  local limit = settings.limit(name)
  local used, at = use_of(limit)
  return cjson.encode({
    file = file, set = set, used = used, at = at and digits(at) or '',
    running = redis.call('ZCARD', limit.holders), held = live.held_by(name),
    keys = redis.call('HKEYS', keys.ws(name, 'key_overrides')),
  })
end

local function key_state(ws, key)
  local file, set = live.of_key(ws, key)
  if not file then return '' end
  return cjson.encode({file = file, set = set, used = {}, at = '', held = {ws}, keys = {}})
end

local states = {}
for i, want in ipairs(call.wants) do
  -- Content of another kind under one limit's keys must not hide the others.
  local fine, state = pcall(want[2] == '' and limit_state or key_state, want[1], want[2])
  if not fine then state = '!' .. tostring(type(state) == 'table' and state.err or state) end
  states[i] = state
end
return {clock.text, states}

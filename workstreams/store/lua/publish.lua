-- publish: what a config file declares becomes what Redis enforces.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {version, epoch, fresh, workstreams: {name: {field: text}}, limits: {name: {field: text}}}
-- Returns  {epoch, older [name...], changed [name...]}
--
-- The higher version's settings win in a roll-out; equal versions: the last to start wins.
-- Overrides are kept apart and untouched.
--! include base clock settings events wake

local call = cjson.decode(ARGV[1])
read_clock(call.epoch, call.fresh)

-- Versions are compared number by number (2.10 after 2.9), then as text.
local function is_older(mine, stored)
  local a, b = {}, {}
  for n in mine:gmatch('%d+') do a[#a + 1] = tonumber(n) end
  for n in stored:gmatch('%d+') do b[#b + 1] = tonumber(n) end
  for i = 1, math.max(#a, #b) do
    local x, y = a[i] or 0, b[i] or 0
    if x ~= y then return x < y end
  end
  return mine:gsub('%d+', '') < stored:gsub('%d+', '')
end

local older, changed = {}, {}

-- Returns 'new' | 'same' | 'changed' | 'older'.
local function write(key, fields)
  local stored = {}
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do stored[flat[i]] = flat[i + 1] end
  if stored.version and is_older(call.version, stored.version) then return 'older' end
  local verdict = stored.version and 'same' or 'new'
  for field, value in pairs(fields) do
    if stored.version and stored[field] ~= value then verdict = 'changed' end
    redis.call('HSET', key, field, value)
  end
  redis.call('HSET', key, 'version', call.version)
  return verdict
end

local verdicts = {}
for name, fields in pairs(call.limits) do
  verdicts[name] = write(limit_key(name, 'settings'), fields)
  redis.call('HSETNX', limit_key(name, 'rate'), 'from', digits(NOW))
end
for name, fields in pairs(call.workstreams) do
  local verdict = write(ws_key(name, 'settings'), fields)
  if verdict ~= 'same' then verdicts[name] = verdict end
  redis.call('SADD', ROOT .. 'workstreams', name)
end
for name, verdict in pairs(verdicts) do
  if verdict == 'older' then older[#older + 1] = name end
  if verdict == 'changed' then
    changed[#changed + 1] = name
    if call.workstreams[name] then event(name, 'limit_changed', 'info', 'x', cjson.encode({by = 'config', version = call.version})) end
  end
  if verdict == 'changed' or verdict == 'new' then
    for ws in pairs(call.workstreams) do open_gate(ws) end
  end
end
if #changed > 0 then redis.call('PUBLISH', wake_channel('all'), '* now') end
return {EPOCH, older, changed}
